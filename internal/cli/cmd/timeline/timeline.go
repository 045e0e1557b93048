// Package timeline is `sluice timeline`: it shows where the time of a run went.
package timeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/timeline/draw"
	"github.com/sluice-ci/sluice/internal/cli/formatflag"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/cli/timelines"
)

// Options has the arguments of `sluice timeline`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now returns the time at which what continues is shown.
	Now func() time.Time
	// Run as the user typed it.
	Run string
	// Output is the output format.
	Output Format
}

// Format is the value of -o. Parsing the flag rejects an unknown format.
type Format string

// The formats.
const (
	Text Format = "text"
	SVG  Format = "svg"
	JSON Format = "json"
)

// NewCommand returns the command `sluice timeline`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now, Output: Text}
	c := &cobra.Command{
		Use:   "timeline RUN",
		Short: "Show where the time of a run went: queue, pods, steps, results",
		Long: `Draws a run as bars over time: how long it waited for the controller, for a node and for images, how long each step took, and
how long it took to read the results. The tasks of a pipeline are in the order of their starts, and a gap before a task is
the time in which it waited for other tasks. It also works for a run that continues.

It reads the statuses of the run and of its pods. When a pod is deleted, its phases are one bar.`,
		Example: `  sluice timeline build-x7k2p
  sluice timeline build-x7k2p -o svg > build.svg   # an image, for light and dark pages
  sluice timeline build-x7k2p -o json              # the spans, as traces have them`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: runs.Complete(source, false),
		RunE: func(c *cobra.Command, args []string) error {
			o.Run = args[0]
			return o.run(c.Context())
		},
	}
	formatflag.Register(c, &o.Output, Text, SVG, JSON)
	return c
}

func (o *Options) run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	snapshot, err := runs.FindSnapshot(ctx, c, o.Run)
	if err != nil {
		return err
	}
	s, err := timelines.Read(ctx, c, snapshot, o.Now())
	if err != nil {
		return err
	}
	switch o.Output {
	case SVG:
		o.Terminal.Printf("%s", draw.SVG(s))
	case JSON:
		encoder := json.NewEncoder(o.Terminal.Out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(s)
	case Text:
		o.Terminal.Printf("%s", draw.Text(s, o.Terminal.Width, o.Terminal.Paint))
	}
	return nil
}
