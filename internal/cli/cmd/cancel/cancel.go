// Package cancel is `sluice cancel`: it cancels running runs.
package cancel

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options has the arguments of `sluice cancel`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Runs as the user typed them.
	Runs []string
	// Finally: still run the tasks of finally.
	Finally bool
	// Stop: running tasks may end, and then the tasks of finally run; no other task starts.
	Stop bool
	// Message is the reason for the cancellation; TaskRuns keep it.
	Message string
}

// NewCommand returns the command `sluice cancel`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "cancel RUN...",
		Short: "Cancel running runs",
		Long: `Asks the controller to cancel runs. The controller ends their pods and sets the reason TaskRunCancelled or Cancelled. The
command does not wait for that. It reports a run that has already ended, and does not change it.

For a PipelineRun, --finally still runs the tasks of finally, and --stop also lets running tasks end.`,
		Example: `  sluice cancel build-x7k2p
  sluice cancel pipelinerun/build-x7k2p --finally
  sluice cancel taskrun/make --message "the wrong branch"`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: runs.Complete(source, true),
		RunE: func(c *cobra.Command, args []string) error {
			o.Runs = args
			return o.run(c.Context())
		},
	}
	c.Flags().BoolVar(&o.Finally, "finally", false, "still run the tasks of finally")
	c.Flags().BoolVar(&o.Stop, "stop", false, "let running tasks end, and then run the tasks of finally")
	c.Flags().StringVarP(&o.Message, "message", "m", "", "reason for the cancellation; a TaskRun keeps it in its message")
	c.MarkFlagsMutuallyExclusive("finally", "stop")
	return c
}

func (o *Options) run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	// Find all runs before the first one is cancelled.
	var found []runs.Run
	for _, name := range o.Runs {
		r, err := runs.Find(ctx, c, name)
		if err != nil {
			return err
		}
		if err := o.allowed(r); err != nil {
			return err
		}
		found = append(found, r)
	}
	for _, r := range found {
		if r.Done() {
			o.Terminal.Notef("%s has already ended: %s", r.FullName(), r.State())
			continue
		}
		if err := o.cancel(ctx, c, r); err != nil {
			return err
		}
		o.Terminal.Printf("%s is being cancelled\n", r.FullName())
	}
	return nil
}

// allowed rejects options that a kind does not have.
func (o *Options) allowed(r runs.Run) error {
	switch {
	case r.TaskRun != nil && (o.Finally || o.Stop):
		return clierror.New(fmt.Sprintf("%s has no tasks of finally", r.FullName()), "--finally and --stop are for PipelineRuns")
	case r.PipelineRun != nil && o.Message != "":
		return clierror.New(fmt.Sprintf("%s cannot keep a message", r.FullName()), "--message is for TaskRuns")
	default:
		return nil
	}
}

func (o *Options) cancel(ctx context.Context, c *cluster.Cluster, r runs.Run) error {
	patch, err := json.Marshal(map[string]any{"spec": o.spec(r)})
	if err != nil {
		return err
	}
	if err := c.Client.Patch(ctx, r.Object(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("cannot cancel %s: %w", r.FullName(), err)
	}
	return nil
}

// spec returns the change to the spec of the run.
func (o *Options) spec(r runs.Run) map[string]any {
	if r.PipelineRun != nil {
		status := v1.PipelineRunSpecStatusCancelled
		switch {
		case o.Finally:
			status = v1.PipelineRunSpecStatusCancelledRunFinally
		case o.Stop:
			status = v1.PipelineRunSpecStatusStoppedRunFinally
		}
		return map[string]any{"status": status}
	}
	spec := map[string]any{"status": v1.TaskRunSpecStatusCancelled}
	if o.Message != "" {
		spec["statusMessage"] = o.Message
	}
	return spec
}
