// Package logs is `sluice logs`: what the steps of a run have printed, or print.
package logs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options are what `sluice logs` was asked for.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Run as it was typed.
	Run string
	// Follow: go on until the run has ended.
	Follow bool
	// Task of the pipeline; empty for all.
	Task string
	// Step of a task; empty for all.
	Step string
	// Timestamps: each line begins with its time.
	Timestamps bool
	// Failed: only steps that have failed.
	Failed bool
}

// NewCommand is `sluice logs`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:     "logs RUN",
		Aliases: []string{"log"},
		Short:   "Print what the steps of a run have printed, or follow it",
		Long: `Prints the logs of a run's steps, of all attempts, in order; with -f as they are written, until the run has ended.

Each line begins with the step that it is from, [task › step] in a PipelineRun. With --step on a TaskRun nothing is put
before lines, so that they are what the step printed.`,
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
	c.Flags().BoolVarP(&o.Follow, "follow", "f", false, "go on until the run has ended")
	c.Flags().StringVar(&o.Task, "task", "", "only this task of the pipeline")
	c.Flags().StringVar(&o.Step, "step", "", "only this step")
	c.Flags().BoolVar(&o.Timestamps, "timestamps", false, "begin each line with its time")
	c.Flags().BoolVar(&o.Failed, "failed", false, "only steps that have failed")
	c.MarkFlagsMutuallyExclusive("follow", "failed")
	complete(c, source)
	return c
}

// complete gives --task and --step the names of the run that was typed before them.
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
	// The flags exist: they were made by the caller.
	_ = c.RegisterFlagCompletionFunc("task", of(taskNames))
	_ = c.RegisterFlagCompletionFunc("step", of(stepNames))
}

func taskNames(s runs.Snapshot) []string {
	var names []string
	for _, tr := range s.Tasks {
		names = append(names, s.Task(tr))
	}
	return names
}

func stepNames(s runs.Snapshot) []string {
	var names []string
	for _, tr := range s.Tasks {
		for i := range tr.Status.Steps {
			names = append(names, tr.Status.Steps[i].Name)
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

// check refuses a task or step that the run does not have, as far as that is known.
func (o *Options) check(s runs.Snapshot) error {
	if o.Task != "" && s.Run.TaskRun != nil {
		return clierror.New("--task is for PipelineRuns, and "+s.Run.Reference().String()+" is a TaskRun", "--step NAME picks one of its steps")
	}
	if s.Run.PipelineRun == nil || o.Task == "" || s.Find(o.Task) != nil {
		return nil
	}
	if !s.Run.Done() && o.Follow {
		return nil // it may still come
	}
	return clierror.New(fmt.Sprintf("%s has run no task %q", s.Run.Reference(), o.Task), "it has run "+strings.Join(taskNames(s), ", "))
}

func (o *Options) print(ctx context.Context, c *cluster.Cluster, s runs.Snapshot, printer *Printer) error {
	reader := &logreader.Reader{
		Pods: c.Kube.CoreV1(), Selection: logreader.Selection{Step: o.Step, Failed: o.Failed},
		Emit: printer.Print, Gone: func(message string) { o.Terminal.Notef("%s", message) },
	}
	for _, tr := range s.Tasks {
		if o.Task != "" && !wanted(s, tr, o.Task) {
			continue
		}
		if err := reader.Print(ctx, s.Task(tr), tr); err != nil {
			return err
		}
	}
	if o.Failed && printer.Lines() == 0 {
		o.Terminal.Notef("no step of %s has failed and printed something", s.Run.Reference())
		if s.Run.State() == runs.Failed {
			o.Terminal.Hintf("sluice explain %s says why it failed", c.Typed(s.Run.Reference().String(), s.Run.Namespace()))
		}
	}
	return nil
}

func wanted(s runs.Snapshot, tr *v1.TaskRun, task string) bool {
	return tr.Name == task || s.Task(tr) == task || tr.Labels[v1.LabelPipelineTask] == task
}
