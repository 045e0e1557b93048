// Package logs implements `sluice logs`, which prints or follows the output of the steps of a run.
package logs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options are the options of `sluice logs`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Run is the argument as the user typed it.
	Run string
	// Follow continues to print until the run has ended.
	Follow bool
	// Task is a task of the pipeline; empty for all tasks.
	Task string
	// Step is a step of a task; empty for all steps.
	Step string
	// Timestamps puts the time before each line.
	Timestamps bool
	// Failed selects only the steps that have failed.
	Failed bool
}

// NewCommand returns the command `sluice logs`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:     "logs RUN",
		Aliases: []string{"log"},
		Short:   "Print the logs of a run's steps, or follow them",
		Long: `Prints the logs of a run's steps in order, with all attempts. With -f it prints them while they are written, until the run ends.

Each line begins with its step, in a PipelineRun with [task › step], and in a pipeline within it with [task › task › step]. With
--step on a TaskRun lines have no prefix, so the output is exactly what the step printed.`,
		Example: `  sluice logs build-x7k2p -f
  sluice logs build-x7k2p --task test --timestamps
  sluice logs build-x7k2p --failed            # only what failed
  sluice logs taskrun/make --step write > write.log`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: runs.Complete(source, false),
		RunE: func(c *cobra.Command, args []string) error {
			o.Run = args[0]
			return o.run(c.Context())
		},
	}
	c.Flags().BoolVarP(&o.Follow, "follow", "f", false, "continue until the run has ended")
	c.Flags().StringVar(&o.Task, "task", "", "only this task of the pipeline")
	c.Flags().StringVar(&o.Step, "step", "", "only this step")
	c.Flags().BoolVar(&o.Timestamps, "timestamps", false, "print the time of each line")
	c.Flags().BoolVar(&o.Failed, "failed", false, "only steps that have failed")
	c.MarkFlagsMutuallyExclusive("follow", "failed")
	complete(c, source)
	return c
}

// complete completes --task and --step with the names of the run whose argument precedes them.
func complete(c *cobra.Command, source cluster.Source) {
	of := func(names func(runs.Snapshot) []string) cobra.CompletionFunc {
		return func(c *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
			const nothing = cobra.ShellCompDirectiveNoFileComp
			if len(args) == 0 {
				return nil, nothing
			}
			there, err := source.Connect()
			if err != nil {
				return nil, nothing
			}
			s, err := runs.FindSnapshot(c.Context(), there, args[0])
			if err != nil {
				return nil, nothing
			}
			all := slices.Compact(slices.Sorted(slices.Values(names(s))))
			return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, text) }), nothing
		}
	}
	// The flags exist, because the caller has defined them.
	_ = c.RegisterFlagCompletionFunc("task", of(taskNames))
	_ = c.RegisterFlagCompletionFunc("step", of(stepNames))
}

func taskNames(s runs.Snapshot) []string {
	var names []string
	for _, leaf := range s.Leaves() {
		names = append(names, leaf.Name)
	}
	return names
}

func stepNames(s runs.Snapshot) []string {
	var names []string
	for _, leaf := range s.Leaves() {
		for i := range leaf.TaskRun.Status.Steps {
			names = append(names, leaf.TaskRun.Status.Steps[i].Name)
		}
	}
	return names
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
	if err := o.check(snapshot); err != nil {
		return err
	}
	printer := NewPrinter(o.Terminal, snapshot.Run.TaskRun != nil, o.Step == "" || snapshot.Run.PipelineRun != nil, o.Timestamps)
	if o.Follow {
		return Follow(ctx, c, snapshot.Run, Selection{Task: o.Task, Step: o.Step}, printer)
	}
	return o.print(ctx, c, snapshot, printer)
}

// check returns an error if the run has no such task or step. It returns nil as long as the task may still start.
func (o *Options) check(s runs.Snapshot) error {
	if o.Task != "" && s.Run.TaskRun != nil {
		return clierror.New("--task is for PipelineRuns, and "+s.Run.FullName().String()+" is a TaskRun", "--step NAME selects one of its steps")
	}
	known := func(leaf runs.Leaf) bool { return leaf.Matches(o.Task) }
	if s.Run.PipelineRun == nil || o.Task == "" || slices.ContainsFunc(s.Leaves(), known) {
		return nil
	}
	if !s.Run.Done() && o.Follow {
		return nil // it may still start
	}
	return clierror.New(fmt.Sprintf("%s has run no task %q", s.Run.FullName(), o.Task), "it has run "+strings.Join(taskNames(s), ", "))
}

func (o *Options) print(ctx context.Context, c *cluster.Cluster, s runs.Snapshot, printer *Printer) error {
	reader := &logreader.Reader{
		Pods: c.Kube.CoreV1(), Selection: logreader.Selection{Step: o.Step, Failed: o.Failed},
		Emit: printer.Print, Gone: func(message string) { o.Terminal.Notef("%s", message) },
	}
	for _, leaf := range s.Leaves() {
		if !leaf.Matches(o.Task) {
			continue
		}
		if err := reader.Print(ctx, leaf.Name, leaf.TaskRun); err != nil {
			return err
		}
	}
	if o.Failed && printer.Lines() == 0 {
		o.Terminal.Notef("no failed step of %s has printed anything", s.Run.FullName())
		if s.Run.State() == runs.Failed {
			o.Terminal.Hintf("find the cause: sluice explain %s", c.Typed(s.Run.FullName().String(), s.Run.Namespace()))
		}
	}
	return nil
}
