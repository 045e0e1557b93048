package draw

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/layout"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Text draws the graph with characters from top to bottom, and lists the results of its edges. If the drawing is wider than
// columns, it lists the tasks instead; 0: no limit.
func Text(g model.Graph, columns int, paint func(terminal.Color, string) string) string {
	var b strings.Builder
	title := terminal.Line(g.Title)
	if g.State != "" {
		title = paint(g.State.Color(), g.State.Mark()) + " " + title + " " + paint(g.State.Color(), string(g.State))
	}
	b.WriteString(title + "\n\n")
	if drawn, width := drawing(g, paint); columns <= 0 || width <= columns {
		b.WriteString(drawn)
	} else {
		b.WriteString(listed(g, paint))
	}
	if flows := flowing(g); flows != "" {
		b.WriteString("\n" + flows)
	}
	return b.String()
}

// caption returns the text of a box.
func caption(n model.Node) string {
	text := mark(n) + terminal.Line(label(n))
	if n.Note != "" {
		text += "  " + terminal.Line(n.Note)
	}
	return text
}

// listed returns a line for each node, with the nodes that it waits for.
func listed(g model.Graph, paint func(terminal.Color, string) string) string {
	var b strings.Builder
	for i, n := range g.Nodes {
		var before []string
		for _, e := range g.Edges {
			if e.To == i && !e.After {
				before = append(before, terminal.Line(g.Nodes[e.From].Name))
			}
		}
		line := paint(n.State.Color(), caption(n))
		if n.Finally {
			line += "  (finally)"
		}
		if len(before) > 0 {
			line += "  after " + strings.Join(before, ", ")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// flowing lists the results that tasks pass to others.
func flowing(g model.Graph) string {
	var b strings.Builder
	for _, e := range g.Edges {
		var names []string
		for _, r := range e.Results {
			names = append(names, terminal.Line(r.String()))
		}
		if len(names) > 0 {
			fmt.Fprintf(&b, "%s → %s: %s\n", terminal.Line(g.Nodes[e.From].Name), terminal.Line(g.Nodes[e.To].Name), strings.Join(names, ", "))
		}
	}
	return b.String()
}

// Directions of the lines of a character.
const (
	up = 1 << iota
	down
	left
	right
)

// lines returns the characters of lines, by their directions.
func lines() [16]rune {
	return [16]rune{' ', '╵', '╷', '│', '╴', '┘', '┐', '┤', '╶', '└', '┌', '├', '─', '┴', '┬', '┼'}
}

// canvas is a drawing of characters: lines that join, and texts over them.
type canvas struct {
	lines map[layout.Point]int
	// texts by the place of their first character.
	texts map[layout.Point]boxText
}

// boxText is the text of a box.
type boxText struct {
	text  string
	color terminal.Color
	// columns is the width of the text in columns of a terminal.
	columns int
}

// drawing returns the boxes and the lines between them, and the width.
func drawing(g model.Graph, paint func(terminal.Color, string) string) (text string, width int) {
	nodes := make([]layout.Node, len(g.Nodes))
	for i, n := range g.Nodes {
		// Odd widths have a middle, so that lines between boxes are straight.
		nodes[i] = layout.Node{Along: 3, Across: (terminal.Columns(caption(n))+4)/2*2 + 1}
	}
	lanes := lanesOf(g)
	d := layout.Of(nodes, edges(g), layout.Gaps{Along: 2 + lanes, Across: 2, Lane: 1})
	c := &canvas{map[layout.Point]int{}, map[layout.Point]boxText{}}
	turn := map[int]int{}
	for i, e := range g.Edges {
		if e.After {
			continue
		}
		lane, ok := turn[e.From]
		if !ok {
			lane = len(turn) % lanes
			turn[e.From] = lane
		}
		c.edge(d.Edges[i], lane)
	}
	for i, n := range g.Nodes {
		c.box(d.Nodes[i].Point, nodes[i].Across, caption(n), n.State.Color())
	}
	return c.render(d.Along, d.Across, paint), d.Across
}

// mostLanes is the maximum number of parallel lines between two layers.
const mostLanes = 3

// lanesOf returns the number of lanes for lines between layers, so that lines of different tasks are distinct.
func lanesOf(g model.Graph) int {
	from := map[int]bool{}
	for _, e := range g.Edges {
		from[e.From] = true
	}
	return min(mostLanes, max(1, len(from)))
}

// edge draws a line: down, across in its lane, and down again, from layer to layer.
func (c *canvas) edge(points []layout.Point, lane int) {
	for i := 1; i < len(points); i++ {
		from, to := points[i-1], points[i]
		turn := from.Along + 1 + lane
		if i%2 == 0 || from.Across == to.Across {
			c.down(from.Along-1, to.Along, from.Across)
			continue
		}
		c.down(from.Along-1, turn, from.Across)
		c.across(turn, from.Across, to.Across)
		c.down(turn, to.Along, to.Across)
	}
}

// down draws a line from one row to another.
func (c *canvas) down(from, to, column int) {
	for row := from; row < to; row++ {
		c.lines[layout.Point{Along: row, Across: column}] |= down
		c.lines[layout.Point{Along: row + 1, Across: column}] |= up
	}
}

// across draws a line from one column to another.
func (c *canvas) across(row, from, to int) {
	for column := min(from, to); column < max(from, to); column++ {
		c.lines[layout.Point{Along: row, Across: column}] |= right
		c.lines[layout.Point{Along: row, Across: column + 1}] |= left
	}
}

// box draws a box of three rows with a text. It keeps lines on its border.
func (c *canvas) box(corner layout.Point, width int, text string, color terminal.Color) {
	for row := range 3 {
		for column := range width {
			p := layout.Point{Along: corner.Along + row, Across: corner.Across + column}
			c.lines[p] &^= map[int]int{0: down, 1: up | down | left | right, 2: up}[row]
		}
	}
	last := corner.Across + width - 1
	c.across(corner.Along, corner.Across, last)
	c.across(corner.Along+2, corner.Across, last)
	c.down(corner.Along, corner.Along+2, corner.Across)
	c.down(corner.Along, corner.Along+2, last)
	start := layout.Point{Along: corner.Along + 1, Across: corner.Across + 2}
	c.texts[start] = boxText{text: text, color: color, columns: terminal.Columns(text)}
}

func (c *canvas) render(rows, columns int, paint func(terminal.Color, string) string) string {
	glyphs := lines()
	var b strings.Builder
	for row := range rows {
		var line strings.Builder
		for column := 0; column < columns; column++ {
			p := layout.Point{Along: row, Across: column}
			if l := c.texts[p]; l.columns > 0 {
				line.WriteString(paint(l.color, l.text))
				column += l.columns - 1
				continue
			}
			line.WriteRune(glyphs[c.lines[p]])
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
