package table

import (
	"io"
	"strings"

	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// gap is the space between two columns.
const gap = 3

// Cell is a text in a table, with its color.
type Cell struct {
	Text  string
	Color terminal.Color
	// Right aligns the text to the right, for numbers.
	Right bool
}

// Text returns a cell without a color.
func Text(text string) Cell { return Cell{Text: text} }

// Number returns a cell that is aligned to the right.
func Number(text string) Cell { return Cell{Text: text, Right: true} }

// Painted returns a cell with a color.
func Painted(c terminal.Color, text string) Cell { return Cell{Text: text, Color: c} }

// Grid is a table: a line of headings, and rows with aligned columns. The zero Grid is empty and has no headings.
type Grid struct {
	rows [][]Cell
	// Indent is the prefix of every line.
	Indent string
}

// NewGrid returns a table with these headings.
func NewGrid(headings ...string) *Grid {
	g := &Grid{}
	row := make([]Cell, len(headings))
	for i, h := range headings {
		row[i] = Cell{Text: h, Color: terminal.Bold}
	}
	if len(row) > 0 {
		g.rows = append(g.rows, row)
	}
	return g
}

// Add appends a row. An empty cell is shown as "-", so that scripts can select a column by its number.
func (g *Grid) Add(cells ...Cell) { g.rows = append(g.rows, cells) }

// Write prints the table, with colors if the terminal has them. A wide character takes two columns.
func (g *Grid) Write(w io.Writer, t *terminal.Terminal) error {
	widths := g.widths()
	var text strings.Builder
	for _, row := range g.rows {
		var line strings.Builder
		line.WriteString(g.Indent)
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-columns(cell.Text))
			shown := t.Paint(cell.Color, shownText(cell.Text))
			if cell.Right {
				shown = padding + shown
			} else if i < len(row)-1 {
				shown += padding
			}
			line.WriteString(shown)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", gap))
			}
		}
		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (g *Grid) widths() []int {
	var widths []int
	for _, row := range g.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell.Text))
		}
	}
	// Align the heading of numbers to the right, too.
	if len(g.rows) > 1 {
		for i := range g.rows[0] {
			if i < len(g.rows[1]) {
				g.rows[0][i].Right = g.rows[1][i].Right
			}
		}
	}
	return widths
}

func columns(text string) int { return terminal.Columns(shownText(text)) }

func shownText(text string) string {
	if text = terminal.Line(text); text == "" {
		return "-"
	}
	return text
}
