package report

import (
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/plot"
	"github.com/sluice-ci/sluice/test/load/bench/record"
)

// legend names the colors of all pictures that compare.
func legend() []plot.Entry {
	return []plot.Entry{
		{Color: plot.First, Name: load.SidecarLogs},
		{Color: plot.Second, Name: load.TerminationMessage},
		{Color: plot.Limit, Name: "bare pods"},
	}
}

func color(mode string) plot.Color {
	switch mode {
	case load.SidecarLogs:
		return plot.First
	case load.TerminationMessage:
		return plot.Second
	default:
		return plot.Limit
	}
}

// Pictures draws the pictures for which there are measurements, by the names of their files.
func Pictures(lines []Line) map[string]string {
	all := map[string]string{
		"distribution.svg": distribution(lines), "size.svg": size(lines), "runs.svg": runs(lines), "timeline.svg": timeline(lines),
	}
	for name, picture := range all {
		if picture == "" {
			delete(all, name)
		}
	}
	return all
}

// find returns the line of a row in a mode.
func find(lines []Line, row, mode string) (Line, bool) {
	i := slices.IndexFunc(lines, func(l Line) bool { return l.Row.Name == row && l.Mode == mode })
	if i < 0 {
		return Line{}, false
	}
	return lines[i], true
}

// limit returns the time at which the first line of a bare pod can be read.
func limit(lines []Line) float64 {
	pod, _ := find(lines, "pod", load.BarePods)
	return pod.First.P50
}

// distribution draws every run of the rows that run one after another.
func distribution(lines []Line) string {
	var strips []plot.Strip
	for _, name := range []string{"pod", "plain", "seq", "size1400k", "steps20", "chain"} {
		shown := false
		for _, l := range lines {
			if l.Row.Name != name {
				continue
			}
			label := l.Row.What
			if shown {
				label = ""
			}
			shown = true
			if name == "pod" {
				strips = append(strips, plot.Strip{Label: "bare pod of 3 containers: first line read", Color: plot.Limit, Values: l.Firsts},
					plot.Strip{Label: "… its status says that it has ended", Color: plot.Limit, Values: l.Values})
				continue
			}
			strips = append(strips, plot.Strip{Label: label, Color: color(l.Mode), Values: l.Values})
		}
	}
	if len(strips) == 0 {
		return ""
	}
	return plot.Strips("From creation until done", legend(), limit(lines), "limit", strips)
}

// size draws how the time of a TaskRun grows with the size of its result.
func size(lines []Line) string {
	marks := []plot.Mark{
		{X: 0, Name: "no result"},
		{X: 1, Name: "1 kB"},
		{X: 2, Name: "100 kB"},
		{X: 3, Name: "1.4 MB"},
		{X: 4, Name: "1.4 MB, random"},
	}
	rows := []string{"plain", "seq", "size100k", "size1400k", "random1400k"}
	var curves []plot.Curve
	for _, entry := range legend()[:2] {
		whole := plot.Curve{Entry: entry}
		last := plot.Curve{Entry: plot.Entry{Color: entry.Color, Name: "… of it after the last step"}, Dashed: true}
		for i, row := range rows {
			if l, ok := find(lines, row, entry.Name); ok {
				whole.Points = append(whole.Points, plot.Point{X: float64(i), Y: l.Whole.P50, High: l.Whole.P95})
				last.Points = append(last.Points, plot.Point{X: float64(i), Y: l.ToDone.P50})
			}
		}
		if len(whole.Points) > 0 {
			curves = append(curves, whole, last)
		}
	}
	if len(curves) == 0 {
		return ""
	}
	if l := limit(lines); l > 0 {
		curves = append(curves, plot.Curve{Entry: legend()[2], Points: []plot.Point{{X: 0, Y: l}, {X: 4, Y: l}}})
	}
	return plot.Curves("One TaskRun with a larger result: median, and 95th percentile", "size of the result", marks, curves)
}

// runs draws the time until the last run is done, for several numbers of TaskRuns at once.
func runs(lines []Line) string {
	rows := map[string]string{
		load.SidecarLogs:        "seq burst20 burst30",
		load.TerminationMessage: "seq burst20 burst30",
		load.BarePods:           "pod pods60 pods90",
	}
	var curves []plot.Curve
	for i, mode := range []string{load.SidecarLogs, load.TerminationMessage, load.BarePods} {
		curve := plot.Curve{Entry: legend()[i]}
		for name := range strings.FieldsSeq(rows[mode]) {
			l, ok := find(lines, name, mode)
			switch {
			case ok && l.Row.Count > 0:
				curve.Points = append(curve.Points, plot.Point{X: float64(l.Row.Count * l.Row.Pods()), Y: l.Wall})
			case ok:
				curve.Points = append(curve.Points, plot.Point{X: 1, Y: l.Whole.P50})
			}
		}
		if len(curve.Points) > 1 {
			curves = append(curves, curve)
		}
	}
	if len(curves) == 0 {
		return ""
	}
	marks := []plot.Mark{{X: 1, Name: "1"}, {X: 60, Name: "60"}, {X: 90, Name: "90"}}
	return plot.Curves("More TaskRuns at once: from the first creation until the last is done",
		"TaskRuns of two steps, or pods, begun at once", marks, curves)
}

// timeline draws the hops of one TaskRun.
func timeline(lines []Line) string {
	l, ok := find(lines, "timeline", load.SidecarLogs)
	if !ok {
		return ""
	}
	const kubernetes, steps, sluice = plot.Limit, plot.Second, plot.First
	var hops []plot.Hop
	for _, hop := range []plot.Hop{
		{Name: created, Color: sluice},
		{Name: scheduled, Color: kubernetes},
		{Name: record.Sandbox, Color: kubernetes},
		{Name: record.FirstContainer, Color: kubernetes},
		{Name: started, Color: kubernetes},
		{Name: record.LastContainer, Color: kubernetes},
		{Name: ended, Color: steps},
		{Name: record.Logged, Color: sluice},
		{Name: record.Arrived, Color: kubernetes},
		{Name: done, Color: sluice},
		{Name: podEnded, Color: kubernetes},
	} {
		if at := l.Hops[hop.Name]; at > 0 {
			hops = append(hops, plot.Hop{Name: label(hop.Name), At: at, Color: hop.Color})
		}
	}
	if len(hops) == 0 {
		return ""
	}
	names := []plot.Entry{
		{Color: sluice, Name: "Sluice"},
		{Color: steps, Name: "the steps"},
		{Color: kubernetes, Name: "Kubernetes and the container runtime"},
	}
	slices.SortStableFunc(hops, func(a, b plot.Hop) int { return int((a.At - b.At) * 1e6) })
	return plot.Hops("Where the time of one TaskRun goes: two steps, sidecar-logs, medians", names, hops)
}

// label returns the name of a hop for people.
func label(hop string) string {
	return map[string]string{
		created: "TaskRun created → pod created", scheduled: "pod has a node", record.Sandbox: "sandbox is there",
		record.FirstContainer: "first container started", record.LastContainer: "last container started", started: "first step's first line",
		ended: "last step's last line", record.Logged: "sidecar's last line in its log", record.Arrived: "… and read by a follower",
		done: "TaskRun seen to be done", podEnded: "pod's status says that it has ended",
	}[hop]
}
