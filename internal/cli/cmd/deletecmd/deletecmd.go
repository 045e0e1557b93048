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

// Options has the arguments of `sluice delete`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now returns the time for ages.
	Now func() time.Time
	// Runs as the user typed them.
	Runs []string
	// OlderThan selects runs that ended longer ago than this; 0: no selection by age.
	OlderThan time.Duration
	// Selector of labels; empty: no selection by labels.
	Selector string
	// Keep is how many of the latest selected runs to keep.
	Keep int
	// Yes: do not ask the user.
	Yes bool
}

// NewCommand returns the command `sluice delete`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now}
	c := &cobra.Command{
		Use:     "delete [RUN...]",
		Aliases: []string{"rm"},
		Short:   "Delete runs, with their pods, logs and results",
		Long: `Deletes runs by name. With --older-than, -l and --keep it deletes the selected runs that have ended; TaskRuns of a PipelineRun are
deleted with the PipelineRun. A run is deleted with its pods, their logs, its results, and the claims that were created for it.

On a terminal it asks for confirmation before it deletes several runs. Without a terminal, runs without names need --yes.`,
		Example: `  sluice delete build-x7k2p
  sluice delete --older-than 24h --yes
  sluice delete -l tekton.dev/pipeline=build --keep 5`,
		ValidArgsFunction: runs.Complete(source, true),
		RunE: func(c *cobra.Command, args []string) error {
			o.Runs = args
			byChoice := o.OlderThan > 0 || o.Selector != "" || c.Flags().Changed("keep")
			if byChoice == (len(args) > 0) {
				return clierror.Usage(c.CommandPath(), "give names of runs, or select runs with --older-than, -l and --keep")
			}
			return o.run(c.Context())
		},
	}
	c.Flags().DurationVar(&o.OlderThan, "older-than", 0, "select runs that ended longer ago than this, such as 24h")
	c.Flags().StringVarP(&o.Selector, "selector", "l", "", "select runs by labels, in the syntax of kubectl")
	c.Flags().IntVar(&o.Keep, "keep", 0, "keep this number of the latest selected runs")
	c.Flags().BoolVarP(&o.Yes, "yes", "y", false, "do not ask for confirmation")
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
		// Delete in the background, so that the command does not wait for pods to end. Dependent objects are still deleted.
		err := c.Client.Delete(ctx, r.Object(), client.PropagationPolicy(metav1.DeletePropagationBackground))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("cannot delete %s: %w", r.FullName(), err)
		}
		o.Terminal.Printf("%s deleted\n", r.FullName())
	}
	return nil
}

// find reads the selected runs.
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
		return nil, clierror.Hint(fmt.Errorf("cannot parse label selector %q: %w", o.Selector, err), "-l tekton.dev/pipeline=build")
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

// choose decides which runs to delete: those that ended longer ago than age, except the latest keep ones. It does not select
// TaskRuns of a PipelineRun, which are deleted with it.
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

// ask asks the user to confirm the deletion of several runs.
func (o *Options) ask(found []runs.Run) error {
	if o.Yes || len(found) == 1 && len(o.Runs) == 1 {
		return nil
	}
	if !o.Terminal.Interactive {
		if len(o.Runs) > 0 {
			return nil // the user named each run
		}
		return clierror.New(
			fmt.Sprintf("cannot ask for confirmation to delete %d runs: standard input is not a terminal", len(found)),
			"use --yes to delete them without confirmation")
	}
	for _, r := range found {
		o.Terminal.Notef("  %s", r.FullName())
	}
	fmt.Fprintf(o.Terminal.Err, "delete these %d runs, with their logs and results? [y/N] ", len(found))
	answer, err := bufio.NewReader(o.Terminal.In).ReadString('\n')
	if err != nil && answer == "" {
		return clierror.New("nothing was deleted: there was no answer")
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return clierror.New("nothing was deleted")
	}
	return nil
}
