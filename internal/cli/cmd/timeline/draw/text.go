package draw

import (
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/timeline"
)

// Sizes of the text, in columns.
const (
	// textWidth is the width without a terminal.
	textWidth = 100
	// leastBar and mostName limit the columns.
	leastBar = 20
	mostName = 44
	// timeRoom is the room for a duration.
	timeRoom = 8
)

// Text draws a timeline with one line for each span, for a terminal with this width (0: unknown). Paint colors a text.
func Text(s timeline.Span, width int, paint func(terminal.Color, string) string) string {
	if width <= 0 {
		width = textWidth
	}
	rows := rowsOf(&s, 0)
	names := 0
	for _, r := range rows {
		names = max(names, terminal.Columns(lead(r)+terminal.Line(r.name())))
	}
	names = min(names, mostName)
	bar := max(leastBar, width-names-timeRoom-4)
	var b strings.Builder
	for _, r := range rows {
		name := terminal.Cut(lead(r)+terminal.Line(r.name()), names)
		if r.more > 0 {
			b.WriteString("  " + paint(terminal.Dim, name) + "\n")
			continue
		}
		name += strings.Repeat(" ", max(0, names-terminal.Columns(name)))
		before, length := cells(&s, r.span, bar)
		color := r.state().Color()
		b.WriteString(paint(color, r.state().Mark()) + " " + name + " " + strings.Repeat(" ", before) +
			paint(color, strings.Repeat(shape(r.span), length)) + strings.Repeat(" ", bar-before-length) + " " + r.took() + "\n")
	}
	return b.String()
}

func lead(r row) string { return strings.Repeat("  ", r.depth) }

// shape returns the character of a bar: a thin one for the time in which a task waits for others.
func shape(s *timeline.Span) string {
	if s.Kind == timeline.Waiting {
		return "·"
	}
	return "█"
}

// cells returns where the bar of a span begins, and how long it is: at least one column.
func cells(whole, s *timeline.Span, width int) (before, length int) {
	total := max(whole.Took(), time.Second)
	at := func(t time.Time) float64 { return float64(t.Sub(whole.Start)) / float64(total) * float64(width) }
	before = min(int(at(s.Start)), width-1)
	end := int(at(s.End) + 0.999)
	return before, min(max(1, end-before), width-before)
}
