// Package explain is `sluice explain`: why a run failed, and what to do.
package explain

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// tail is how many lines of a failed step are shown.
const tail = 10

// Options has the arguments of `sluice explain`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Run as the user typed it.
	Run string
	// Output is the output format.
	Output table.Format
}

// NewCommand returns the command `sluice explain`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:     "explain RUN",
		Aliases: []string{"why"},
		Short:   "Show why a run failed, or why it waits, and what to do",
		Long: `Shows why a run failed, or what it waits for: the meaning of the reason, the message of the controller, the last lines of
the failed step, and what to do. For a PipelineRun it explains each failed TaskRun, and each failed pipeline in it.`,
		Example: `  sluice explain build-x7k2p
  sluice explain taskrun/make -o json | jq -r '.fix[]'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: runs.Complete(source, false),
		RunE: func(c *cobra.Command, args []string) error {
			o.Run = args[0]
			return o.run(c.Context())
		},
	}
	o.Output.Register(c)
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
	e := WithLogs(ctx, c, snapshot)
	return o.Output.Write(o.Terminal.Out, e, func(io.Writer) error {
		Print(o.Terminal, e, "")
		return nil
	})
}

// WithLogs explains a run, with the last lines of each failed step. It leaves out a log that is unavailable.
func WithLogs(ctx context.Context, c *cluster.Cluster, s runs.Snapshot) Explanation {
	e := Explain(s, func(r runs.Run) string { return c.Typed(r.FullName().String(), r.Namespace()) })
	taskRuns := map[string]*v1.TaskRun{}
	for _, leaf := range s.Leaves() {
		taskRuns[runs.OfTask(leaf.TaskRun).FullName().String()] = leaf.TaskRun
	}
	addLogs(ctx, &logreader.Reader{Pods: c.Kube.CoreV1()}, &e, taskRuns)
	return e
}

// addLogs adds the last lines of each failed step to an explanation and its causes.
func addLogs(ctx context.Context, reader *logreader.Reader, e *Explanation, taskRuns map[string]*v1.TaskRun) {
	if tr := taskRuns[e.Run]; tr != nil && e.Step != "" {
		if lines, err := reader.Tail(ctx, tr, FailedStep(tr), tail); err == nil {
			e.Log = lines
		}
	}
	for i := range e.Causes {
		addLogs(ctx, reader, &e.Causes[i], taskRuns)
	}
}

// Print writes an explanation for users.
func Print(t *terminal.Terminal, e Explanation, indent string) {
	name := e.Run
	if e.Task != "" {
		name = "task " + e.Task + " (" + e.Run + ")"
	}
	head := t.Paint(e.State.Color(), e.State.Mark()+" "+name+": "+string(e.State))
	if e.Reason != "" {
		head += " (" + e.Reason + ")"
	}
	t.Printf("%s%s\n", indent, head)
	indent += "  "
	if e.Means != "" {
		t.Printf("%s%s\n", indent, e.Means)
	}
	if e.Message != "" {
		t.Printf("%s%s\n", indent, t.Paint(terminal.Dim, strings.ReplaceAll(terminal.Clean(e.Message), "\n", "\n"+indent)))
	}
	for _, skipped := range e.Skipped {
		t.Printf("%snot started: %s\n", indent, terminal.Line(skipped))
	}
	if e.Step != "" {
		t.Printf("%sstep %s ended with exit code %d", indent, t.Paint(terminal.Bold, e.Step), e.ExitCode)
		if len(e.Log) > 0 {
			t.Printf("; its last lines:")
		}
		t.Printf("\n")
	}
	for _, line := range e.Log {
		t.Printf("%s  %s %s\n", indent, t.Paint(terminal.Dim, "|"), terminal.Clean(line))
	}
	for i, fix := range e.Fix {
		label := "fix:"
		if i > 0 {
			label = "or: "
		}
		t.Printf("%s%s %s\n", indent, t.Paint(terminal.Cyan, label), fix)
	}
	for _, cause := range e.Causes {
		Print(t, cause, indent)
	}
}
