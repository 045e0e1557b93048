package tree

import (
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Changes returns a line for each node whose state differs between before and after, nodes that have ended first. It shows the
// progress of a run if Out is not an interactive terminal.
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

// flatten visits the nodes in the order of events: the steps of a task before the task if the task has ended, or else after it;
// the same for tasks and their run. The name of a task is without the run, and that of a step with its task.
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
