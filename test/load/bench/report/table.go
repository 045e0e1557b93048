package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sluice-ci/sluice/test/load/bench/stats"
)

// table has a heading and rows. The first columns are text, all others are figures.
type table struct {
	title string
	text  int
	head  []string
	rows  [][]string
}

// Text prints the tables for a terminal.
func Text(w io.Writer, lines []Line) error {
	for _, t := range tables(lines) {
		fmt.Fprintf(w, "%s\n\n", t.title)
		out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{t.head}, t.rows...) {
			fmt.Fprintln(out, strings.Join(row, "\t"))
		}
		if err := out.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

// Markdown prints the tables for a document.
func Markdown(w io.Writer, lines []Line) {
	for _, t := range tables(lines) {
		fmt.Fprintf(w, "**%s**\n\n| %s |\n|", t.title, strings.Join(t.head, " | "))
		for i := range t.head {
			fmt.Fprint(w, map[bool]string{true: "---|", false: "---:|"}[i < t.text])
		}
		fmt.Fprintln(w)
		for _, row := range t.rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
		fmt.Fprintln(w)
	}
}

func tables(lines []Line) []table {
	all := []table{times(lines), cost(lines), api(lines), held(lines)}
	all = append(all, hostile(lines)...)
	return slices.DeleteFunc(all, func(t table) bool { return len(t.rows) == 0 })
}

func times(lines []Line) table {
	t := table{title: "Seconds: median (95th percentile)", text: 2,
		head: []string{"what", "mode", "n", "whole", "created → pod", "→ first step", "→ steps ended", "→ done", "first line read", "wall"}}
	for _, l := range lines {
		if l.Row.Held || l.Row.Hostile {
			continue
		}
		wall, first := "", ""
		if l.Row.Count > 0 {
			wall = fmt.Sprintf("%.1f", l.Wall)
		}
		if l.First.N > 0 {
			first = pair(l.First)
		}
		hops := []string{pair(l.ToPod), pair(l.ToStart), pair(l.Steps), pair(l.ToDone)}
		if l.Row.Written {
			clear(hops) // there is no pod
		}
		t.rows = append(t.rows, slices.Concat([]string{l.Row.What, l.Mode, fmt.Sprint(l.Whole.N), pair(l.Whole)}, hops, []string{first, wall}))
	}
	return t
}

func cost(lines []Line) table {
	t := table{title: "Cost: of all together where they run at once, else of one; requests and log of one TaskRun", text: 2,
		head: []string{"what", "mode", "machine", "controller", "controller's peak", "requests", "log"}}
	for _, l := range lines {
		if l.Row.Written || l.Row.Hostile {
			continue // bare pods have no controller
		}
		t.rows = append(t.rows, []string{
			l.Row.What,
			l.Mode,
			seconds(l.Machine),
			seconds(l.Controller),
			mebibytes(l.Peak),
			fmt.Sprintf("%.1f", l.Calls),
			kilobytes(l.LogBytes),
		})
	}
	return t
}

// seldom is the number of requests of a kind per TaskRun below which the kind is omitted.
const seldom = 0.1

// api returns the table of requests by verb and resource, of the row with the most TaskRuns.
func api(lines []Line) table {
	t := table{title: "Requests of all clients that the API server answered, for each TaskRun or pod", text: 1, head: []string{"request"}}
	var columns []Line
	keys := map[string]bool{}
	for _, l := range lines {
		if l.Row.Name != "pod" && l.Row.Name != "seq" && l.Row.Name != "burst20" {
			continue
		}
		columns = append(columns, l)
		t.head = append(t.head, l.Row.Name+", "+l.Mode)
		for key, n := range l.API {
			keys[key] = keys[key] || n >= seldom
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !keys[key] {
			continue
		}
		row := []string{key}
		for _, l := range columns {
			row = append(row, fmt.Sprintf("%.1f", l.API[key]))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func held(lines []Line) table {
	t := table{title: "Memory of the controller with finished TaskRuns in the cluster", text: 2,
		head: []string{"what", "mode", "n", "peak while they ran", "afterwards", "peak after a restart", "resident after a restart"}}
	for _, l := range lines {
		if h := l.Held; h != nil {
			t.rows = append(t.rows, []string{
				l.Row.What,
				l.Mode,
				fmt.Sprint(h.Runs),
				mebibytes(l.Peak),
				mebibytes(h.Resident),
				mebibytes(h.RestartPeak),
				mebibytes(h.RestartResident),
			})
		}
	}
	return t
}

func pair(s stats.Summary) string { return fmt.Sprintf("%.2f (%.2f)", s.P50, s.P95) }

// seconds formats short times with more decimal places.
func seconds(s float64) string {
	switch {
	case s == 0:
		return "–"
	case s < 0.1:
		return fmt.Sprintf("%.0f ms", 1000*s)
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	default:
		return fmt.Sprintf("%.0f s", s)
	}
}

func mebibytes(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
}

func kilobytes(n int) string {
	const kb = 1000
	if n < 10*kb {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d kB", n/kb)
}
