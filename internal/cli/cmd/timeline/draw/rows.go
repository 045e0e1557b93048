// Package draw draws the timeline of a run: as text, and as an image.
package draw

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/timeline"
)

// row is one line of a drawing.
type row struct {
	depth int
	span  *timeline.Span
	// more is the number of spans that are left out, for a row that says only that.
	more int
}

// rowsOf returns the spans in the order of drawing.
func rowsOf(s *timeline.Span, depth int) []row {
	rows := []row{{depth: depth, span: s}}
	for i := range s.Children {
		rows = append(rows, rowsOf(&s.Children[i], depth+1)...)
	}
	if s.More > 0 {
		rows = append(rows, row{depth: depth + 1, span: s, more: s.More})
	}
	return rows
}

// name returns the name in the first column.
func (r row) name() string {
	switch {
	case r.more > 0:
		return fmt.Sprintf("and %d more", r.more)
	case r.depth == 0:
		return string(r.span.Kind) + "/" + r.span.Name
	case r.span.Kind == timeline.Step:
		return "step " + r.span.Name
	default:
		return r.span.Name
	}
}

// state returns the state in the words of the command line.
func (r row) state() runs.State { return runs.State(r.span.State) }

// took returns the length of the span; 0s for one that is shorter than a second.
func (r row) took() string {
	if text := runs.Spoken(r.span.Took()); text != "" {
		return text
	}
	return "0s"
}

// sentence describes the row for readers who do not see the bar.
func (r row) sentence(begin time.Time) string {
	if r.more > 0 {
		return r.name()
	}
	start := "0s"
	if text := runs.Spoken(r.span.Start.Sub(begin)); text != "" {
		start = text
	}
	return fmt.Sprintf("%s: %s, took %s, started after %s", r.name(), strings.ToLower(string(r.span.State)), r.took(), start)
}
