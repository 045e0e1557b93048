// Package compare is `sluice compare`: it runs the same run once on Sluice and once on Tekton, and compares what came of it.
package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/rand"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/launch"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// idLength is the number of random characters in the names of the scratch runs.
const idLength = 5

// Options has the arguments of `sluice compare`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// What to run, as the user typed it: a file, a folder, "-", or a run.
	What string
	// Keep does not delete the two scratch runs.
	Keep bool
	// Parallel runs both at the same time, even if they write to one claim.
	Parallel bool
	// Timeout is how long to wait for each of the two runs; 0: without a limit.
	Timeout time.Duration
	// Output is the output format.
	Output table.Format
	// ID returns the random part of the names of the scratch runs.
	ID func() string
}

// NewCommand returns the command `sluice compare`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, ID: func() string { return rand.String(idLength) }}
	c := &cobra.Command{
		Use:   "compare FILE|RUN",
		Short: "Run the same on Sluice and on Tekton, and compare the results",
		Long: `Creates two runs with the same spec in the same namespace: one for Sluice and one for Tekton. It waits for both and prints the
differences, and then outcome, reason, results with sizes and digests, times, pods, and the exit codes of the steps side by
side. Sluice must be installed beside Tekton; the label of the namespace has no influence.

FILE is a file or folder with one TaskRun or PipelineRun, or with one Task or Pipeline and no run; other objects in it are
applied first, and are kept. RUN is a run of the cluster whose spec is run again. The two runs have the names
compare-ID-sluice and compare-ID-tekton and the label sluice.dev/compare. They are deleted at the end, and after an
interrupt; --keep keeps them.

If both runs would write to one claim, they run one after the other, Tekton's first, and the second finds the files of the
first. --parallel runs them at the same time nevertheless.

Results are equal if their types and bytes are. The name and the UID of the run in a result count as equal.

Exit status: 0 the outcomes of run and tasks and all results are equal, 1 they are not, or a run did not end in time,
2 the runs could not be created or watched, 130 interrupted.`,
		Example: `  sluice compare pipelinerun.yaml
  sluice compare build-x7k2p --keep
  sluice compare pipelinerun.yaml -o json | jq '.differences'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.What = args[0]
			return o.Run(c.Context())
		},
	}
	c.Flags().BoolVar(&o.Keep, "keep", false, "keep the two runs")
	c.Flags().BoolVar(&o.Parallel, "parallel", false, "run both at the same time, even if they write to one claim")
	c.Flags().DurationVar(&o.Timeout, "timeout", 30*time.Minute, "how long to wait for each of the two runs; 0: without a limit")
	o.Output.Register(c)
	return c
}

// Run creates the scratch runs, waits for them, deletes them, and prints the comparison.
func (o *Options) Run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	w, err := o.load(ctx, c)
	if err != nil {
		return err
	}
	managedBy, err := checkEngines(ctx, c)
	if err != nil {
		return err
	}
	for _, object := range w.apply {
		if err := launch.Apply(ctx, c, object); err != nil {
			return err
		}
		o.Terminal.Notef("%s/%s applied", strings.ToLower(object.GetKind()), object.GetName())
	}
	p := newPair(w.run, o.ID(), managedBy)
	ended, err := o.execute(ctx, c, p)
	if o.Keep {
		o.Terminal.Notef("kept %s and %s", p.sluice.fullName(), p.tekton.fullName())
	} else {
		o.remove(ctx, c, p)
	}
	if err != nil {
		return err
	}
	return o.print(newReport(ended[installation.Sluice], ended[installation.Tekton]))
}

// checkEngines returns the value of spec.managedBy of the runs of Sluice, or an error if the cluster does not have two engines.
// Without the right to read Deployments it assumes that the cluster has them, and the default value.
func checkEngines(ctx context.Context, c *cluster.Cluster) (managedBy string, err error) {
	found, err := installation.Find(ctx, c)
	if apierrors.IsForbidden(err) {
		return v1.ManagedBySluice, nil
	}
	if err != nil {
		return "", err
	}
	switch found.Mode {
	case installation.Absent:
		return "", clierror.New("cannot compare: Sluice is not installed beside Tekton", "install it: sluice install --beside-tekton")
	case installation.Full:
		return "", clierror.New(fmt.Sprintf("cannot compare: the Sluice in namespace %q runs all runs of this cluster, "+
			"so there is no second engine", found.Namespace), "sluice compare is for a cluster where Sluice is installed beside Tekton")
	case installation.Beside:
	}
	return found.ManagedBy, nil
}

// execute runs both scratch runs, at the same time or one after the other, and returns how each ended.
func (o *Options) execute(ctx context.Context, c *cluster.Cluster, p pair) (map[installation.Engine]side, error) {
	claims := sharedClaims(p.tekton.object)
	groups := [][]scratch{{p.tekton, p.sluice}}
	switch {
	case len(claims) == 0:
	case o.Parallel:
		o.Terminal.Notef("both runs write to %s at the same time", claimText(claims))
	default:
		o.Terminal.Notef("both runs write to %s, so they run one after the other; --parallel runs them at the same time", claimText(claims))
		groups = [][]scratch{{p.tekton}, {p.sluice}}
	}
	ended := map[installation.Engine]side{}
	for _, group := range groups {
		if err := o.executeGroup(ctx, c, group, ended); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// event is what happens to a run in a group: it has ended, a hint, or an error.
type event struct {
	ended side
	hint  string
	err   error
}

// executeGroup creates the runs of a group, and waits for all of them.
func (o *Options) executeGroup(ctx context.Context, c *cluster.Cluster, group []scratch, ended map[installation.Engine]side) error {
	var started []runs.Run
	for _, s := range group {
		r, err := launch.Create(ctx, c, s.object)
		if err != nil {
			return err
		}
		o.Terminal.Notef("%s created for %s", r.FullName(), s.engine.Name())
		started = append(started, r)
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan event)
	for i, s := range group {
		go o.follow(watching, c, s, started[i], events)
	}
	for waiting := len(group); waiting > 0; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-events:
			if e.err != nil {
				return e.err
			}
			if e.hint != "" {
				o.Terminal.Hintf("%s", e.hint)
				continue
			}
			waiting--
			ended[e.ended.engine] = e.ended
			o.Terminal.Notef("%s: %s", e.ended.snapshot.Run.FullName(), e.ended.outcome())
		}
	}
	return nil
}

// follow waits for a run and sends its events, until ctx ends.
func (o *Options) follow(ctx context.Context, c *cluster.Cluster, s scratch, r runs.Run, events chan<- event) {
	send := func(e event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	ended, err := s.await(ctx, c, r, o.Timeout, func(hint string) { send(event{hint: hint}) })
	send(event{ended: ended, err: err})
}

// remove deletes the scratch runs, also after ctx has ended. An error is printed: the comparison is complete without it.
func (o *Options) remove(ctx context.Context, c *cluster.Cluster, p pair) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	var failed []error
	for _, s := range []scratch{p.sluice, p.tekton} {
		failed = append(failed, s.remove(ctx, c))
	}
	if err := errors.Join(failed...); err != nil {
		o.Terminal.Notef("warning: %s", terminal.Clean(err.Error()))
		o.Terminal.Hintf("delete them: kubectl delete taskruns,pipelineruns -n %s -l %s=%s", p.sluice.object.GetNamespace(), Label, p.id)
	}
}

// print prints the report and returns the exit status as an error.
func (o *Options) print(r Report) error {
	if err := o.Output.Write(o.Terminal.Out, r, func(w io.Writer) error { return r.write(w, o.Terminal) }); err != nil {
		return err
	}
	if !r.Equal {
		return clierror.Quiet(clierror.RunFailed)
	}
	return nil
}
