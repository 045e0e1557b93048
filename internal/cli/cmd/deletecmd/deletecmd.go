// Package deletecmd is `sluice delete`: it deletes runs, with their pods, logs and results.
package deletecmd

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options are what `sluice delete` was asked for.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now is the clock that ages are told by.
	Now func() time.Time
	// Runs as they were typed.
	Runs []string
	// OlderThan: runs that ended longer ago than this; 0 for none by age.
	OlderThan time.Duration
	// Selector of labels; empty for none by labels.
	Selector string
	// Keep is how many of the latest are kept among those chosen by age or labels.
	Keep int
	// Yes: nobody is asked.
	Yes bool
}

// NewCommand is `sluice delete`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now}
	c := &cobra.Command{
		Use:     "delete [RUN...]",
		Aliases: []string{"rm"},
		Short:   "Delete runs, with their pods, logs and results",
		Long: `Deletes runs by name; or, by --older-than, -l and --keep, those that have ended, without TaskRuns that belong to a
PipelineRun, which go with it. What goes with a run: its pods, their logs, its results, and the claims that were made for it.

On a terminal it asks before more than one run is deleted. Elsewhere runs that were not named are only deleted with --yes.`,
		Example: `  sluice delete build-x7k2p
  sluice delete --older-than 24h --yes
  sluice delete -l tekton.dev/pipeline=build --keep 5`,
		ValidArgsFunction: runs.Complete(source, true),
		RunE: func(c *cobra.Command, args []string) error {
			o.Runs = args
			byChoice := o.OlderThan > 0 || o.Selector != "" || c.Flags().Changed("keep")
			if byChoice == (len(args) > 0) {
				return clierror.Usage(c.CommandPath(), "either name runs, or choose them with --older-than, -l and --keep")
			}
			return o.run(c.Context())
		},
	}
	c.Flags().DurationVar(&o.OlderThan, "older-than", 0, "runs that ended longer ago than this, such as 24h")
	c.Flags().StringVarP(&o.Selector, "selector", "l", "", "runs with these labels, as kubectl takes them")
	c.Flags().IntVar(&o.Keep, "keep", 0, "keep so many of the latest of them")
	c.Flags().BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	return c
}

func (o *Options) run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	found, err := o.find(ctx, c)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		o.Terminal.Notef("nothing to delete")
		return nil
	}
	if err := o.ask(found); err != nil {
		return err
	}
	for _, r := range found {
		// In the background, so that the answer does not wait for pods to end; what belongs to the run goes all the same.
		err := c.Client.Delete(ctx, r.Object(), client.PropagationPolicy(metav1.DeletePropagationBackground))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("cannot delete %s: %w", r.Reference(), err)
		}
		o.Terminal.Printf("%s deleted\n", r.Reference())
	}
	return nil
}

// find reads the runs that are meant.
func (o *Options) find(ctx context.Context, c *cluster.Cluster) ([]runs.Run, error) {
	var found []runs.Run
	for _, name := range o.Runs {
		r, err := runs.Find(ctx, c, name)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	if len(o.Runs) > 0 {
		return found, nil
	}
	selector, err := labels.Parse(o.Selector)
	if err != nil {
		return nil, clierror.Hint(fmt.Errorf("cannot take %q for a selector of labels: %w", o.Selector, err), "-l tekton.dev/pipeline=build")
	}
	for _, kind := range []string{v1.KindPipelineRun, v1.KindTaskRun} {
		err := runs.Each(ctx, c, kind, []client.ListOption{client.MatchingLabelsSelector{Selector: selector}}, func(r runs.Run) error {
			found = append(found, r.Summary())
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return choose(found, o.OlderThan, o.Keep, o.Now()), nil
}

// choose is the decision which runs go: those that have ended, longer ago than age, but for the latest so many. TaskRuns
// of a PipelineRun go with it, and are none of them.
func choose(all []runs.Run, age time.Duration, keep int, now time.Time) []runs.Run {
	var ended []runs.Run
	for _, r := range all {
		owner := metav1.GetControllerOf(r.Object())
		if r.Done() && r.Ended() != nil && (owner == nil || owner.Kind != v1.KindPipelineRun) {
			ended = append(ended, r)
		}
	}
	slices.SortStableFunc(ended, func(a, b runs.Run) int { return b.Ended().Compare(a.Ended().Time) })
	ended = ended[min(keep, len(ended)):]
	return slices.DeleteFunc(ended, func(r runs.Run) bool { return now.Sub(r.Ended().Time) < age })
}

// ask asks the user about more than one run.
func (o *Options) ask(found []runs.Run) error {
	if o.Yes || len(found) == 1 && len(o.Runs) == 1 {
		return nil
	}
	if !o.Terminal.Interactive {
		if len(o.Runs) > 0 {
			return nil // each was named
		}
		return clierror.New(fmt.Sprintf("%d runs would be deleted, and nobody can be asked", len(found)), "--yes deletes them")
	}
	for _, r := range found {
		o.Terminal.Notef("  %s", r.Reference())
	}
	fmt.Fprintf(o.Terminal.Err, "delete these %d runs, with their logs and results? [y/N] ", len(found))
	answer, err := bufio.NewReader(o.Terminal.In).ReadString('\n')
	if err != nil && answer == "" {
		return clierror.New("nothing was answered, so nothing was deleted")
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return clierror.New("nothing was deleted")
	}
	return nil
}
