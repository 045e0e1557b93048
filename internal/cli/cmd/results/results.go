// Package results implements `sluice results`, which lists results with sizes and digests, or fetches one byte for byte.
package results

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// NewCommand returns the command `sluice results`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	c := &cobra.Command{
		Use:     "results",
		Aliases: []string{"result"},
		Short:   "List and fetch the results of a run",
		Example: "  sluice results list RUN\n  sluice results get RUN sbom -o sbom.json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newList(t, source), newGet(t, source))
	return c
}

// ListOptions are the options of `sluice results list`.
type ListOptions struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Run is the argument as the user typed it.
	Run string
	// Output is the output format.
	Output table.Format
}

func newList(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &ListOptions{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "list RUN",
		Short: "List a run's results with types, sizes, digests and shares of the limits",
		Long: `Lists the results of a run. For a PipelineRun it also lists those of its tasks, as TASK/NAME.

OF LIMIT is the share of the max-result-size that applied to the run; OF OBJECT is the share of what one run can hold.
SHA256 is the digest of the stored value. CHECK says whether the step wrote that value: it is "verified" if the digest in the
log of the results sidecar is the same, and "unknown" if there is no digest (results in termination messages have none, and
the log is deleted with the pod).`,
		Example: `  sluice results list build-x7k2p
  sluice results list taskrun/make -o json | jq '.results[] | {name, size, sha256}'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: runs.Complete(source, false),
		RunE: func(c *cobra.Command, args []string) error {
			o.Run = args[0]
			return o.list(c.Context())
		},
	}
	o.Output.Register(c)
	return c
}

// report is the JSON of -o json.
type report struct {
	Run     string              `json:"run"`
	Results []resultview.Result `json:"results"`
	// Size and Limit are those of the run's object in bytes, encoded as JSON.
	Size  int `json:"size"`
	Limit int `json:"limit"`
}

func (o *ListOptions) list(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	snapshot, err := runs.FindSnapshot(ctx, c, o.Run)
	if err != nil {
		return err
	}
	all := resultview.NewChecker(c).Check(ctx, resultview.Of(snapshot))
	r := report{Run: snapshot.Run.FullName().String(), Results: all, Size: objectsize.Encoded(snapshot.Run.Object()), Limit: objectsize.Limit}
	if r.Results == nil {
		r.Results = []resultview.Result{}
	}
	return o.Output.Write(o.Terminal.Out, r, func(w io.Writer) error {
		if len(all) == 0 {
			o.Terminal.Notef("%s has no results%s", r.Run, whyNone(snapshot.Run, c))
			return nil
		}
		if err := resultview.Grid(all).Write(w, o.Terminal); err != nil {
			return err
		}
		o.Terminal.Printf("\n%s takes %s of %s: %s\n",
			r.Run, resultview.Bytes(r.Size), resultview.Bytes(r.Limit), resultview.Bar(int64(r.Size), int64(r.Limit)))
		return nil
	})
}

func whyNone(r runs.Run, c *cluster.Cluster) string {
	switch {
	case !r.Done():
		return " yet: it has not ended"
	case r.Succeeded():
		return ": no step wrote one"
	default:
		return ": it failed; find the cause: sluice explain " + c.Typed(r.FullName().String(), r.Namespace())
	}
}
