package draw

import (
	"fmt"
	"html"
	"strings"
	"time"
	"unicode"

	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/timeline"
)

// Sizes of the image, in pixels. The width of a letter is that of most sans-serif fonts.
const (
	rowHeight  = 22
	barHeight  = 12
	letter     = 7.2
	indent     = 14
	mostLabel  = 320
	leastLabel = 120
	barWidth   = 620
	timeWidth  = 70
	margin     = 12
	axis       = 22
	// ticks is the number of parts into which lines divide the time.
	ticks = 4
)

// style is the style of a separate image, light or dark as the viewer prefers. A page with an inline image has the same classes.
const style = `
.sluice-timeline{--ink:#1f2328;--faint:#59636e;--line:#d1d9e0;--paper:#ffffff;` +
	`--waiting:#8c959f;--running:#0969da;--succeeded:#1a7f37;--failed:#cf222e;--cancelled:#9a6700;--skipped:#8c959f;` +
	`font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
@media (prefers-color-scheme:dark){.sluice-timeline{` +
	`--ink:#e6edf3;--faint:#9198a1;--line:#3d444d;--paper:#0d1117;` +
	`--waiting:#6e7681;--running:#4493f8;--succeeded:#3fb950;--failed:#f85149;--cancelled:#d29922;--skipped:#6e7681}}
.sluice-timeline .paper{fill:var(--paper)}
.sluice-timeline text{fill:var(--ink);font-size:12px}
.sluice-timeline .time{fill:var(--faint);font-size:11px}
.sluice-timeline .tick{stroke:var(--line);stroke-width:1}
.sluice-timeline .waiting .bar,.sluice-timeline .skipped .bar{fill:var(--waiting)}
.sluice-timeline .running .bar{fill:var(--running)}
.sluice-timeline .succeeded .bar{fill:var(--succeeded)}
.sluice-timeline .failed .bar{fill:var(--failed)}
.sluice-timeline .cancelled .bar{fill:var(--cancelled)}
.sluice-timeline .phase .bar,.sluice-timeline .order .bar{opacity:.45}
.sluice-timeline .run text{font-weight:600}
`

// SVG draws a timeline as an image without references to other files.
func SVG(s timeline.Span) string { return svg(s, "<style>"+style+"</style>\n") }

// Inline draws SVG for a page with the rules of Style.
func Inline(s timeline.Span) string { return svg(s, "") }

// Style returns the style of the classes of an Inline image.
func Style() string { return style }

func svg(s timeline.Span, look string) string {
	rows := rowsOf(&s, 0)
	label := leastLabel
	for _, r := range rows {
		label = max(label, r.depth*indent+int(float64(len([]rune(r.name())))*letter)+3*margin)
	}
	label = min(label, mostLabel)
	width, height := label+barWidth+timeWidth+2*margin, len(rows)*rowHeight+axis+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="sluice-timeline" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`role="list" aria-label="%s">`+"\n", width, height, width, height, text("timeline of "+rows[0].name()))
	b.WriteString(look)
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`+"\n", width, height)
	for i := range ticks + 1 {
		x := margin + label + barWidth*i/ticks
		fmt.Fprintf(&b, `<line class="tick" x1="%d" y1="%d" x2="%d" y2="%d"/>`, x, margin+axis-6, x, height-margin)
		fmt.Fprintf(&b, `<text class="time" aria-hidden="true" x="%d" y="%d">%s</text>`+"\n", x, margin+8,
			text(runs.Spoken(s.Took()*time.Duration(i)/ticks)))
	}
	for i, r := range rows {
		writeRow(&b, &s, r, label, margin+axis+i*rowHeight)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// writeRow draws one span at a height.
func writeRow(b *strings.Builder, whole *timeline.Span, r row, label, y int) {
	fmt.Fprintf(b, `<g class="%s" role="listitem" aria-label="%s">`, classOf(r), text(r.sentence(whole.Start)))
	room := int(float64(label-margin-r.depth*indent) / letter)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`, margin+r.depth*indent, y+15, text(shorten(r.name(), room)))
	if r.more == 0 {
		total := max(whole.Took(), time.Second)
		at := func(t time.Time) float64 { return float64(t.Sub(whole.Start)) / float64(total) * barWidth }
		x, end := at(r.span.Start), at(r.span.End)
		fmt.Fprintf(b, `<rect class="bar" rx="2" x="%.1f" y="%d" width="%.1f" height="%d"/>`,
			float64(margin+label)+x, y+(rowHeight-barHeight)/2, max(2, end-x), barHeight)
		fmt.Fprintf(b, `<text class="time" x="%d" y="%d">%s</text>`, margin+label+barWidth+8, y+15, text(r.state().Mark()+" "+r.took()))
	}
	fmt.Fprintf(b, `<title>%s</title></g>`+"\n", text(r.sentence(whole.Start)))
}

// classOf returns the classes of a row.
func classOf(r row) string {
	if r.more > 0 {
		return "more"
	}
	switch r.span.Kind {
	case timeline.PipelineRun, timeline.TaskRun, timeline.CustomRun:
		return "run " + string(r.span.State)
	case timeline.Waiting:
		return "order " + string(r.span.State)
	case timeline.Step, timeline.Finally, timeline.Attempt:
		return "part " + string(r.span.State)
	default:
		return "phase " + string(r.span.State)
	}
}

func shorten(name string, room int) string {
	runes := []rune(name)
	if len(runes) <= room || room < 2 {
		return name
	}
	return string(runes[:room-1]) + "…"
}

// text escapes a name for XML, without the characters that XML cannot have.
func text(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return ' '
		case r == 0xfffe, r == 0xffff:
			return unicode.ReplacementChar
		default:
			return r
		}
	}, s))
}
