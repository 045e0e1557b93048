// Package draw draws a graph as an image, in the languages of other programs, and as text for terminals.
package draw

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// color returns the color of a state, which is readable on white and on black.
func color(s runs.State) string {
	switch s {
	case runs.Running:
		return "#0969da"
	case runs.Succeeded:
		return "#1a7f37"
	case runs.Failed:
		return "#cf222e"
	case runs.Cancelled:
		return "#9a6700"
	case runs.Waiting, runs.Skipped:
		return "#8c959f"
	default:
		return ""
	}
}

// DOT writes the graph in the language of Graphviz.
func DOT(g model.Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n", quoted(g.Title))
	for i, n := range g.Nodes {
		lines := []string{strings.TrimSpace(mark(n) + label(n))}
		if n.Note != "" {
			lines = append(lines, n.Note)
		}
		fmt.Fprintf(&b, "  n%d [label=%s", i, quoted(lines...))
		if c := color(n.State); c != "" {
			fmt.Fprintf(&b, ", color=%q", c)
		}
		if n.Finally {
			b.WriteString(`, style="rounded,dashed"`)
		}
		b.WriteString("];\n")
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  n%d -> n%d", e.From, e.To)
		switch {
		case e.After:
			b.WriteString(" [style=invis]")
		case len(e.Results) == 0:
			b.WriteString(" [style=dashed]")
		default:
			fmt.Fprintf(&b, " [label=%s]", quoted(resultLines(e)...))
		}
		b.WriteString(";\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// quoted returns a string of DOT with these lines.
func quoted(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = escape.Replace(terminal.Line(line))
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}

func mark(n model.Node) string {
	if n.State == "" {
		return ""
	}
	return n.State.Mark() + " "
}

// Mermaid writes the graph in the language of Mermaid, which many sites render in Markdown.
func Mermaid(g model.Graph) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	used := map[runs.State]bool{}
	for i, n := range g.Nodes {
		lines := []string{strings.TrimSpace(mark(n) + label(n))}
		if n.Note != "" {
			lines = append(lines, n.Note)
		}
		opening, closing := "[", "]"
		if n.Finally {
			opening, closing = "([", "])"
		}
		fmt.Fprintf(&b, "  n%d%s%s%s", i, opening, mermaidText(lines...), closing)
		if n.State != "" {
			b.WriteString(":::" + string(n.State))
			used[n.State] = true
		}
		b.WriteString("\n")
	}
	for _, e := range g.Edges {
		switch {
		case e.After:
			fmt.Fprintf(&b, "  n%d ~~~ n%d\n", e.From, e.To)
		case len(e.Results) == 0:
			fmt.Fprintf(&b, "  n%d -.-> n%d\n", e.From, e.To)
		default:
			fmt.Fprintf(&b, "  n%d -->|%s| n%d\n", e.From, mermaidText(resultLines(e)...), e.To)
		}
	}
	for _, s := range []runs.State{runs.Waiting, runs.Running, runs.Succeeded, runs.Failed, runs.Cancelled, runs.Skipped} {
		if used[s] {
			fmt.Fprintf(&b, "  classDef %s stroke:%s\n", s, color(s))
		}
	}
	return b.String()
}

// mermaidText returns a text of Mermaid with special characters escaped.
func mermaidText(lines ...string) string {
	escape := strings.NewReplacer(`#`, "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "`", "#96;")
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = escape.Replace(terminal.Line(line))
	}
	return `"` + strings.Join(escaped, "<br/>") + `"`
}
