// Package graph is `sluice graph`: it draws the graph of a pipeline or of a task, from a file or from a run.
package graph

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/draw"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/formatflag"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options has the arguments of `sluice graph`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now returns the time for durations.
	Now func() time.Time
	// What is the name of a file, "-" for Terminal.In, or a run.
	What string
	// Of is KIND/NAME of the object in a file; empty: the only one.
	Of string
	// Output is the output format.
	Output Format
}

// Format is the value of -o. Parsing the flag rejects an unknown format.
type Format string

// The formats.
const (
	Text    Format = "text"
	SVG     Format = "svg"
	DOT     Format = "dot"
	Mermaid Format = "mermaid"
	JSON    Format = "json"
)

// NewCommand returns the command `sluice graph`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now, Output: Text}
	c := &cobra.Command{
		Use:   "graph FILE|RUN",
		Short: "Draw the dependencies between tasks, and the results that they pass",
		Long: `Draws the graph of a Pipeline from a file, or of a run with the states of its tasks and the sizes of the results that they
passed. For a Task or a TaskRun it draws the steps.

A task waits for the tasks in its runAfter and for those whose results it uses. Tasks of finally come after all others.
An argument that is the name of a file, or ends with .yaml or .yml, is a file; - is standard input; all else is a run.`,
		Example: `  sluice graph pipeline.yaml                       # in the terminal
  sluice graph build-x7k2p -o svg > build.svg      # an image of a run, for light and dark pages
  sluice graph all.yaml --of Pipeline/release -o mermaid
  sluice graph pipeline.yaml -o dot | dot -Tpng > pipeline.png`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete(source),
		RunE: func(c *cobra.Command, args []string) error {
			o.What = args[0]
			return o.Run(c.Context())
		},
	}
	formatflag.Register(c, &o.Output, Text, SVG, DOT, Mermaid, JSON)
	c.Flags().StringVar(&o.Of, "of", "", "`KIND/NAME` of the object, for a file with several objects")
	return c
}

// complete suggests runs, and the shell suggests files.
func complete(source cluster.Source) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names, _ := runs.Complete(source, false)(c, args, text)
		return names, cobra.ShellCompDirectiveDefault
	}
}

// Run draws the graph.
func (o *Options) Run(ctx context.Context) error {
	g, err := o.graph(ctx)
	if err != nil {
		return err
	}
	switch o.Output {
	case SVG:
		o.Terminal.Printf("%s", draw.SVG(g))
	case DOT:
		o.Terminal.Printf("%s", draw.DOT(g))
	case Mermaid:
		o.Terminal.Printf("%s", draw.Mermaid(g))
	case JSON:
		encoder := json.NewEncoder(o.Terminal.Out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(g)
	case Text:
		o.Terminal.Printf("%s", draw.Text(g, o.Terminal.Width, o.Terminal.Paint))
	}
	return nil
}

func (o *Options) graph(ctx context.Context) (model.Graph, error) {
	if isFile(o.What) {
		return fromFile(o.What, o.Of, o.Terminal.In)
	}
	if o.Of != "" {
		return model.Graph{}, clierror.Usage("sluice graph", "--of is for files, but %q is a run", o.What)
	}
	c, err := o.Source.Connect()
	if err != nil {
		return model.Graph{}, err
	}
	snapshot, err := runs.FindSnapshot(ctx, c, o.What)
	if err != nil {
		return model.Graph{}, err
	}
	g, err := model.OfRun(snapshot, o.Now())
	if err != nil {
		return model.Graph{}, clierror.Hint(err, "sluice describe "+snapshot.Run.FullName().String()+" shows what it waits for")
	}
	return g, nil
}

// isFile decides whether an argument is a file or a run.
func isFile(text string) bool {
	if text == "-" || strings.HasSuffix(text, ".yaml") || strings.HasSuffix(text, ".yml") {
		return true
	}
	info, err := os.Stat(text)
	return err == nil && !info.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist)
}
