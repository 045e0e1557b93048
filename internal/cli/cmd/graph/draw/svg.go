package draw

import (
	"fmt"
	"html"
	"strings"

	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/layout"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
)

// Sizes of the drawing, in pixels. The width of a letter is that of most sans-serif fonts.
const (
	nodeHeight = 44
	nodeMin    = 110
	letter     = 7.4
	smaller    = 6.2
	margin     = 16
	titleRoom  = 28
	layerGap   = 70
	nodeGap    = 22
	lane       = 14
	lineHeight = 14
)

// style is the style of a separate drawing, light or dark as the viewer prefers. A page with an inline drawing has the same
// classes.
const style = `
.sluice-graph{--ink:#1f2328;--faint:#59636e;--line:#8c959f;--paper:#ffffff;--box:#f6f8fa;` +
	`--waiting:#8c959f;--running:#0969da;--succeeded:#1a7f37;--failed:#cf222e;--cancelled:#9a6700;--skipped:#8c959f;` +
	`font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
@media (prefers-color-scheme:dark){.sluice-graph{` +
	`--ink:#e6edf3;--faint:#9198a1;--line:#6e7681;--paper:#0d1117;--box:#161b22;` +
	`--waiting:#6e7681;--running:#4493f8;--succeeded:#3fb950;--failed:#f85149;--cancelled:#d29922;--skipped:#6e7681}}
.sluice-graph .paper{fill:var(--paper)}
.sluice-graph text{fill:var(--ink);font-size:13px}
.sluice-graph .title{font-weight:600;font-size:14px}
.sluice-graph .note,.sluice-graph .result{fill:var(--faint);font-size:11px}
.sluice-graph .result{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.sluice-graph .box{fill:var(--box);stroke:var(--line);stroke-width:1.2}
.sluice-graph .edge{fill:none;stroke:var(--line);stroke-width:1.4}
.sluice-graph .order{stroke-dasharray:4 4}
.sluice-graph .arrow{fill:var(--line)}
.sluice-graph .finally .box{stroke-dasharray:6 3}
.sluice-graph .waiting .box,.sluice-graph .skipped .box{stroke:var(--waiting)}
.sluice-graph .running .box{stroke:var(--running);stroke-width:2.2}
.sluice-graph .succeeded .box{stroke:var(--succeeded)}
.sluice-graph .failed .box{stroke:var(--failed);stroke-width:2.2}
.sluice-graph .cancelled .box{stroke:var(--cancelled)}
.sluice-graph .mark{font-size:14px;font-weight:700}
.sluice-graph .waiting .mark,.sluice-graph .skipped .mark{fill:var(--waiting)}
.sluice-graph .running .mark{fill:var(--running)}
.sluice-graph .succeeded .mark{fill:var(--succeeded)}
.sluice-graph .failed .mark{fill:var(--failed)}
.sluice-graph .cancelled .mark{fill:var(--cancelled)}
.sluice-graph .skipped text{opacity:.65}
`

// SVG draws the graph from left to right, as an image without references to other files.
func SVG(g model.Graph) string { return svg(g, "<style>"+style+"</style>\n") }

// Inline draws SVG for a page with the rules of Style.
func Inline(g model.Graph) string { return svg(g, "") }

// Style returns the style of the classes of an Inline drawing.
func Style() string { return style }

func svg(g model.Graph, look string) string {
	d := layout.Of(boxes(g), edges(g), layout.Gaps{Along: gapFor(g), Across: nodeGap, Lane: lane})
	width := max(d.Along, int(float64(len([]rune(g.Title)))*letter*1.15)) + 2*margin
	height := d.Across + 2*margin + titleRoom
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="sluice-graph" viewBox="0 0 %d %d" width="%d" `+
		`height="%d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, text("graph of "+g.Title))
	b.WriteString(look)
	b.WriteString(`<defs><marker id="sluice-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" ` +
		`markerHeight="7" orient="auto"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="%d">%s</text>`+"\n", margin, margin+lineHeight, text(g.Title))
	for i, e := range g.Edges {
		if !e.After {
			writeEdge(&b, e, d.Edges[i])
		}
	}
	for i, e := range g.Edges {
		writeResults(&b, e, d.Edges[i])
	}
	for i, n := range g.Nodes {
		writeNode(&b, n, d.Nodes[i])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// boxes returns the sizes of the nodes.
func boxes(g model.Graph) []layout.Node {
	nodes := make([]layout.Node, len(g.Nodes))
	for i, n := range g.Nodes {
		nodes[i] = layout.Node{Along: boxWidth(n), Across: nodeHeight}
	}
	return nodes
}

func boxWidth(n model.Node) int {
	name, note := float64(len([]rune(label(n))))*letter, float64(len([]rune(n.Note)))*smaller
	return max(nodeMin, int(max(name, note))+40)
}

// gapFor returns the space between layers for the longest text of an edge.
func gapFor(g model.Graph) int {
	gap := layerGap
	for _, e := range g.Edges {
		for _, line := range resultLines(e) {
			gap = max(gap, int(float64(len([]rune(line)))*smaller)+36)
		}
	}
	return gap
}

func edges(g model.Graph) []layout.Edge {
	all := make([]layout.Edge, len(g.Edges))
	for i, e := range g.Edges {
		all[i] = layout.Edge{From: e.From, To: e.To, Hidden: e.After}
	}
	return all
}

// label returns the name of a node, with the number of its runs.
func label(n model.Node) string {
	if n.Runs > 0 {
		return fmt.Sprintf("%s × %d", n.Name, n.Runs)
	}
	return n.Name
}

func at(p layout.Point) (x, y int) { return p.Along + margin, p.Across + margin + titleRoom }

// writeEdge draws a line that leaves and enters its boxes horizontally.
func writeEdge(b *strings.Builder, e model.Edge, points []layout.Point) {
	class := "edge"
	if len(e.Results) == 0 {
		class += " order"
	}
	x, y := at(points[0])
	fmt.Fprintf(b, `<path class="%s" marker-end="url(#sluice-arrow)" d="M%d %d`, class, x, y)
	for i := 1; i < len(points); i++ {
		toX, toY := at(points[i])
		if i%2 == 0 {
			fmt.Fprintf(b, "L%d %d", toX, toY) // through the lane of a layer
		} else {
			half := (toX - x) / 2
			fmt.Fprintf(b, "C%d %d %d %d %d %d", x+half, y, toX-half, toY, toX, toY)
		}
		x, y = toX, toY
	}
	b.WriteString(`"/>` + "\n")
}

// shownResults is how many results of one edge are shown.
const shownResults = 3

func resultLines(e model.Edge) []string {
	var lines []string
	for i, r := range e.Results {
		if i == shownResults {
			return append(lines, fmt.Sprintf("and %d more", len(e.Results)-shownResults))
		}
		lines = append(lines, shorten(r.String()))
	}
	return lines
}

// longestText is the maximum length of a result on an edge.
const longestText = 32

func shorten(text string) string {
	runes := []rune(text)
	if len(runes) <= longestText {
		return text
	}
	return string(runes[:longestText-10]) + "…" + string(runes[len(runes)-9:])
}

// writeResults writes the results before the box that uses them.
func writeResults(b *strings.Builder, e model.Edge, points []layout.Point) {
	lines := resultLines(e)
	if len(lines) == 0 {
		return
	}
	fromX, fromY := at(points[len(points)-2])
	toX, toY := at(points[len(points)-1])
	x, y := (fromX+toX)/2, (fromY+toY)/2+4-(len(lines)-1)*lineHeight/2
	for i, line := range lines {
		fmt.Fprintf(b, `<text class="result" text-anchor="middle" x="%d" y="%d">%s</text>`+"\n", x, y+i*lineHeight, text(line))
	}
}

func writeNode(b *strings.Builder, n model.Node, place layout.Place) {
	x, y := at(place.Point)
	class := "node"
	if n.State != "" {
		class += " " + string(n.State)
	}
	if n.Finally {
		class += " finally"
	}
	fmt.Fprintf(b, `<g class="%s" data-task="%s" transform="translate(%d %d)">`, class, text(n.Name), x, y)
	fmt.Fprintf(b, `<rect class="box" rx="8" width="%d" height="%d"/>`, boxWidth(n), nodeHeight)
	left, top := 14, 27
	if n.State != "" {
		fmt.Fprintf(b, `<text class="mark" x="10" y="27">%s</text>`, text(n.State.Mark()))
		left = 28
	}
	if n.Note != "" {
		top = 20
		fmt.Fprintf(b, `<text class="note" x="%d" y="35">%s</text>`, left, text(n.Note))
	}
	fmt.Fprintf(b, `<text class="name" x="%d" y="%d">%s</text>`, left, top, text(label(n)))
	if n.State != "" {
		fmt.Fprintf(b, `<title>%s: %s</title>`, text(n.Name), text(string(n.State)))
	}
	b.WriteString("</g>\n")
}

// text escapes a name for XML.
func text(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s))
}
