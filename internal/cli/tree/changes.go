package tree

import (
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Changes says in lines what is different in after: each node whose state is another one, what has ended before what
// begins then. It is how a run is followed where nothing can be written over.
func Changes(before, after Node) []string {
	known := map[string]Node{}
	flatten(before, func(path string, n Node) { known[path] = n })
	var lines []string
	flatten(after, func(path string, n Node) {
		was, ok := known[path]
		if !ok && n.State == runs.Waiting || ok && was.State == n.State && was.Note == n.Note {
			return
		}
		lines = append(lines, say(path, n))
	})
	return lines
}

func say(path string, n Node) string {
	line := path + ": " + string(n.State)
	if n.State != runs.Running && n.State != runs.Waiting && n.Took > 0 {
		line += " after " + runs.Spoken(n.Took)
	}
	if n.Note != "" {
		line += " (" + terminal.Line(n.Note) + ")"
	}
	return line
}

// flatten visits steps before their task, and tasks before their run, when these have ended; and otherwise after them: so
// that lines read in the order in which things happen. Tasks are named without the run, and steps with their task.
func flatten(root Node, visit func(path string, n Node)) {
	flattenBelow(root, root.Name, "", visit)
}

func flattenBelow(n Node, path, prefix string, visit func(path string, n Node)) {
	over := n.State != runs.Running && n.State != runs.Waiting
	if !over {
		visit(path, n)
	}
	for _, child := range n.Children {
		flattenBelow(child, prefix+child.Name, prefix+child.Name+" › ", visit)
	}
	if over {
		visit(path, n)
	}
}
