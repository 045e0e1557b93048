// Package report formats the measurements for people.
package report

import (
	"maps"
	"slices"

	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/record"
	"github.com/sluice-ci/sluice/test/load/bench/stats"
)

// Line is one row in one mode, of all batches together.
type Line struct {
	Row  load.Row
	Mode string
	// Whole is the total time: of the PipelineRun, if there is one; otherwise of the TaskRun; of a bare pod until its status
	// reports its end. All times are in seconds.
	Whole stats.Summary
	// First is the time at which the first line of a bare pod's last container reached a reader.
	First stats.Summary
	// Values and Firsts are the series that Whole and First summarize.
	Values, Firsts []float64
	// Hops are medians of the times, by name, in seconds since the creation; empty if they were not observed.
	Hops map[string]float64
	// ToPod, ToStart, Steps and ToDone are the hops of a TaskRun: creation, pod created, first step started, last step ended,
	// done.
	ToPod, ToStart, Steps, ToDone stats.Summary
	// Wall is the median time of batches that start everything at once.
	Wall float64
	// Machine and Controller are processor time: the median of whole batches for rows that run at once, otherwise of one run.
	Machine, Controller float64
	// Peak memory of the controller, in bytes: the maximum of all batches.
	Peak int64
	// Calls are the controller's requests per TaskRun. API are those of all clients, by verb and resource.
	Calls float64
	API   map[string]float64
	// LogBytes per pod.
	LogBytes int
	// Held of the last batch.
	Held *record.Held
	// Hostile of the last batch.
	Hostile *record.Hostile
}

// Lines merges batches of the same row and mode, in the order of load.Rows.
func Lines(file *record.File) []Line {
	var lines []Line
	for _, row := range load.Rows() {
		for _, mode := range row.Modes {
			batches := slices.DeleteFunc(slices.Clone(file.Batches), func(b record.Batch) bool { return b.Row.Name != row.Name || b.Mode != mode })
			if len(batches) > 0 {
				lines = append(lines, line(batches))
			}
		}
	}
	return lines
}

func line(batches []record.Batch) Line {
	l := Line{Row: batches[0].Row, Mode: batches[0].Mode, API: map[string]float64{}}
	var whole, walls, machine, controller []float64
	var runs []record.Run
	pods, calls := 0.0, 0.0
	for _, b := range batches {
		n := float64(max(1, len(b.Runs)))
		pods += n
		runs = append(runs, b.Runs...)
		whole = append(whole, b.Pipelines...)
		walls = append(walls, b.Wall)
		machine, controller = append(machine, b.Machine), append(controller, b.Controller)
		l.Peak = max(l.Peak, b.Peak)
		l.LogBytes, l.Held, l.Hostile = b.LogBytes, b.Held, b.Hostile
		calls += float64(requests(b))
		for key, count := range b.API {
			l.API[key] += float64(count)
		}
	}
	l.runs(runs, whole)
	l.Wall, l.Machine, l.Controller = stats.Median(walls), stats.Median(machine), stats.Median(controller)
	if l.Row.Count == 0 {
		l.Machine, l.Controller = sum(machine)/pods, sum(controller)/pods
	}
	l.Calls = calls / pods
	for key := range l.API {
		l.API[key] /= pods
	}
	return l
}

// requests returns the number of the controller's requests: its own count, or else the API server's.
func requests(b record.Batch) int {
	total := 0
	for _, n := range b.Calls {
		total += n
	}
	if total == 0 {
		return b.Dispatched
	}
	return total
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// runs summarizes the hops of runs. whole are the times of their PipelineRuns, if they have any.
func (l *Line) runs(runs []record.Run, whole []float64) {
	var toPod, toStart, steps, toDone, first []float64
	pipelines := len(whole) > 0
	for _, r := range runs {
		toPod = append(toPod, r.Pod)
		toStart = append(toStart, r.Started-r.Pod)
		steps = append(steps, r.Ended-r.Started)
		toDone = append(toDone, r.Done-r.Ended)
		if r.Line > 0 {
			first = append(first, r.Line)
		}
		if !pipelines {
			whole = append(whole, r.Done)
		}
	}
	l.Values, l.Firsts = whole, first
	l.Whole, l.First = stats.Summarize(whole), stats.Summarize(first)
	l.hops(runs)
	l.ToPod, l.ToStart, l.Steps, l.ToDone = stats.Summarize(toPod), stats.Summarize(toStart), stats.Summarize(steps), stats.Summarize(toDone)
}

// Names of hops that every run has, in addition to those in package record.
const (
	created   = "created"
	scheduled = "scheduled"
	started   = "started"
	ended     = "ended"
	done      = "done"
	podEnded  = "pod-ended"
)

// hops returns the median of each time, over the runs in which it was observed.
func (l *Line) hops(runs []record.Run) {
	seen := map[string][]float64{}
	for _, r := range runs {
		if len(r.Hops) == 0 {
			continue
		}
		all := map[string]float64{created: r.Pod, scheduled: r.Scheduled, started: r.Started, ended: r.Ended, done: r.Done, podEnded: r.PodEnded}
		maps.Copy(all, r.Hops)
		for name, at := range all {
			if at > 0 {
				seen[name] = append(seen[name], at)
			}
		}
	}
	l.Hops = map[string]float64{}
	for name, series := range seen {
		l.Hops[name] = stats.Median(series)
	}
}
