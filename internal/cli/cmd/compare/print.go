package compare

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const (
	headSluice = "SLUICE"
	headTekton = "TEKTON"
)

// write prints the report: the verdict, the differences, and both sides.
func (r *Report) write(w io.Writer, t *terminal.Terminal) error {
	if _, err := fmt.Fprintln(w, r.verdict(t)); err != nil {
		return err
	}
	grids := []*table.Grid{r.differences(), r.runs(), r.results(), r.steps()}
	for _, g := range grids {
		if g == nil {
			continue
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		if err := g.Write(w, t); err != nil {
			return err
		}
	}
	return nil
}

// verdict returns the first line.
func (r *Report) verdict(t *terminal.Terminal) string {
	unequal := 0
	for _, d := range r.Differences {
		if d.Unequal {
			unequal++
		}
	}
	var parts []string
	if unequal > 0 {
		parts = append(parts, counted(unequal, "difference")+" in outcome and results")
	} else {
		parts = append(parts, fmt.Sprintf("the same outcome (%s) and %s", r.Sluice.Outcome, sameResults(len(r.Sluice.Results))))
	}
	if other := len(r.Differences) - unequal; other > 0 {
		parts = append(parts, counted(other, "other difference"))
	}
	if r.Equal {
		return t.Paint(terminal.Green, "equal") + ": " + strings.Join(parts, "; ")
	}
	return t.Paint(terminal.Red, "not equal") + ": " + strings.Join(parts, "; ")
}

func sameResults(n int) string {
	switch n {
	case 0:
		return "no results"
	case 1:
		return "the same result"
	default:
		return fmt.Sprintf("the same %d results", n)
	}
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (r *Report) differences() *table.Grid {
	if len(r.Differences) == 0 {
		return nil
	}
	g := table.NewGrid("DIFFERENCE", headSluice, headTekton)
	for _, d := range r.Differences {
		color := terminal.Yellow
		if d.Unequal {
			color = terminal.Red
		}
		g.Add(table.Painted(color, d.What), table.Text(d.Sluice), table.Text(d.Tekton))
	}
	return g
}

func (r *Report) runs() *table.Grid {
	a, b := r.Sluice, r.Tekton
	g := table.NewGrid("RUN", headSluice, headTekton)
	row := func(what, sluice, tekton string) { g.Add(table.Text(what), table.Text(sluice), table.Text(tekton)) }
	row("name", a.Run, b.Run)
	row("outcome", a.Outcome, b.Outcome)
	row("reason", a.Reason, b.Reason)
	if !r.Equal && a.Message != b.Message {
		row("message", a.Message, b.Message)
	}
	row("queued", spoken(a.Times.Queued), spoken(b.Times.Queued))
	row("running", spoken(a.Times.Running), spoken(b.Times.Running))
	row("total", spoken(a.Times.Total), spoken(b.Times.Total))
	row("pods", strconv.Itoa(a.Pods), strconv.Itoa(b.Pods))
	return g
}

func spoken(seconds *int64) string {
	if seconds == nil {
		return ""
	}
	return cmp.Or(runs.Spoken(time.Duration(*seconds)*time.Second), "0s")
}

func (r *Report) results() *table.Grid {
	if len(r.Sluice.Results)+len(r.Tekton.Results) == 0 {
		return nil
	}
	g := table.NewGrid("RESULT", headSluice, headTekton)
	for one, other := range pairs(r.Sluice.Results, r.Tekton.Results, func(r Result) string { return r.Name }) {
		g.Add(table.Text(cmp.Or(one, other).Name), table.Text(one.text("")), table.Text(other.text("")))
	}
	return g
}

func (r *Report) steps() *table.Grid {
	g := table.NewGrid("STEP", headSluice, headTekton)
	for one, other := range pairs(r.Sluice.Tasks, r.Tekton.Tasks, func(t Task) string { return t.Name }) {
		var a, b []Step
		if one != nil {
			a = one.Steps
		}
		if other != nil {
			b = other.Steps
		}
		for x, y := range pairs(a, b, func(s Step) string { return s.Name }) {
			g.Add(table.Text(stepName(cmp.Or(one, other).Name, cmp.Or(x, y).Name)), table.Text(x.text()), table.Text(y.text()))
		}
	}
	return g
}
