// Package docgen writes the pages of docs/cli: one for each command, from its help.
package docgen

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// NewCommand returns the hidden command that `make generate` calls.
func NewCommand(t *terminal.Terminal) *cobra.Command {
	return &cobra.Command{
		Use:    "reference FOLDER",
		Short:  "Write a Markdown page for each command into a folder",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pages := Pages(c.Root())
			for name, text := range pages {
				if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
					return fmt.Errorf("cannot write page %q: %w", name, err)
				}
			}
			t.Notef("%d pages in %s", len(pages), args[0])
			return nil
		},
	}
}

// Pages returns the pages by file name: one for root, and one for each visible subcommand.
func Pages(root *cobra.Command) map[string]string {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	pages := map[string]string{}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		pages[fileOf(c)] = page(c)
		for _, child := range shown(c) {
			visit(child)
		}
	}
	visit(root)
	return pages
}

func shown(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() && !child.IsAdditionalHelpTopicCommand() {
			all = append(all, child)
		}
	}
	return all
}

func fileOf(c *cobra.Command) string {
	return strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md"
}

// page returns the page of one command.
func page(c *cobra.Command) string {
	var b strings.Builder
	c.InitDefaultHelpFlag()
	c.InitDefaultVersionFlag()
	fmt.Fprintf(&b, "<!-- Written by make generate from the command's help; change it there. -->\n# %s\n\n%s.\n",
		c.CommandPath(), strings.TrimSuffix(c.Short, "."))
	if c.Runnable() {
		fmt.Fprintf(&b, "\n```text\n%s\n```\n", c.UseLine())
	}
	if c.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.Long))
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\n## Examples\n\n```shell\n%s\n```\n", unindent(c.Example))
	}
	if children := shown(c); len(children) > 0 {
		b.WriteString("\n## Commands\n\n| command | what it does |\n|---|---|\n")
		for _, child := range children {
			fmt.Fprintf(&b, "| [%s](%s) | %s |\n", child.CommandPath(), fileOf(child), cell(child.Short))
		}
	}
	b.WriteString(flagTable("Flags", c.NonInheritedFlags()))
	b.WriteString(flagTable("Flags of every command", c.InheritedFlags()))
	if c.HasParent() {
		fmt.Fprintf(&b, "\nUp: [%s](%s)\n", c.Parent().CommandPath(), fileOf(c.Parent()))
	}
	return b.String()
}

func flagTable(title string, flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, cell(usage))
	})
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\n## %s\n\n| flag | meaning |\n|---|---|\n%s", title, b.String())
}

// cell escapes a text for a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}

func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}
