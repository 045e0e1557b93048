package tree

import (
	"strings"

	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// row is a line of the tree before it is aligned.
type row struct {
	lead string
	node Node
}

// Lines draws the tree: one line for each node, with times in a column, colored, and cut to the width of the terminal. If there are
// more lines than limit, it leaves out the steps of tasks that succeeded, and then the last lines; 0: no limit.
func (n Node) Lines(t *terminal.Terminal, limit int) []string {
	rows := n.rows("", "")
	if limit > 0 && len(rows) > limit {
		rows = n.folded().rows("", "")
	}
	if limit > 0 && len(rows) > limit {
		rows = rows[:limit]
	}
	widest := 0
	for _, r := range rows {
		widest = max(widest, terminal.Columns(r.lead+r.node.Name))
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = r.line(t, widest)
	}
	return lines
}

// line returns the line of one node. It computes the width before it adds colors.
func (r row) line(t *terminal.Terminal, widest int) string {
	mark := r.node.State.Mark()
	name := r.node.Name
	rest := runs.Spoken(r.node.Took)
	if r.node.Note != "" {
		rest += strings.Repeat(" ", max(0, 7-terminal.Columns(rest))) + terminal.Line(r.node.Note)
	}
	if rest != "" {
		rest = strings.Repeat(" ", widest-terminal.Columns(r.lead+name)+2) + rest
	}
	used := terminal.Columns(r.lead) + 2
	if t.Width > used+1 {
		room := t.Width - used - 1
		name = terminal.Cut(name, room)
		if room -= terminal.Columns(name); room > 0 {
			rest = terminal.Cut(rest, room)
		} else {
			rest = ""
		}
	}
	return t.Paint(terminal.Dim, r.lead) + t.Paint(r.node.State.Color(), mark) + " " + name + t.Paint(terminal.Dim, rest)
}

// rows returns the nodes in the order of drawing, with the lines to their parents.
func (n Node) rows(lead, below string) []row {
	rows := []row{{lead, n}}
	for i, child := range n.Children {
		branch, further := "├─ ", "│  "
		if i == len(n.Children)-1 {
			branch, further = "└─ ", "   "
		}
		rows = append(rows, child.rows(below+branch, below+further)...)
	}
	return rows
}

// folded returns the tree without the steps of tasks that succeeded.
func (n Node) folded() Node {
	folded := n
	folded.Children = nil
	for _, task := range n.Children {
		if task.State != runs.Running && task.State != runs.Failed {
			task.Children = nil
		}
		folded.Children = append(folded.Children, task)
	}
	return folded
}
