// Package describe is `sluice describe`: all details of a run on one page.
package describe

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/cli/tree"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// shown is how many characters of the value of a param are shown.
const shown = 60

// Options has the arguments of `sluice describe`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now returns the time for ages.
	Now func() time.Time
	// Run as the user typed it.
	Run string
	// Output is the output format.
	Output table.Format
}

// NewCommand returns the command `sluice describe`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now}
	c := &cobra.Command{
		Use:     "describe RUN",
		Aliases: []string{"desc", "show"},
		Short:   "Show all details of a run: tasks and steps, params, results, sizes",
		Long: `Shows a run on one page: its state and message, the tree of its tasks and steps with times, its params and workspaces, its
results with their sizes, its artifacts, and its settings.

With -o json or yaml it prints the object, like kubectl.`,
		Example: `  sluice describe build-x7k2p
  sluice describe taskrun/make -o yaml`,
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
	return o.Output.Write(o.Terminal.Out, snapshot.Run.Typed(), func(w io.Writer) error {
		results := resultview.NewChecker(c).Check(ctx, resultview.Of(snapshot))
		if err := page(w, o.Terminal, snapshot, results, o.Now()); err != nil {
			return err
		}
		if snapshot.Run.State() == runs.Failed {
			o.Terminal.Hintf("sluice explain %s shows the cause and what to do",
				c.Typed(snapshot.Run.FullName().String(), snapshot.Run.Namespace()))
		}
		return nil
	})
}

// page writes all details, the most important first.
func page(w io.Writer, t *terminal.Terminal, s runs.Snapshot, results []resultview.Result, now time.Time) error {
	facts := &table.Grid{}
	for _, f := range factsOf(s, now) {
		facts.Add(table.Painted(terminal.Bold, f[0]), table.Text(f[1]))
	}
	if err := facts.Write(w, t); err != nil {
		return err
	}
	if message := s.Run.Message(); message != "" {
		fmt.Fprintf(w, "\n%s\n", terminal.Clean(message))
	}
	section(w, t, "Tasks and steps", tree.Of(s, now).Lines(t, 0))
	section(w, t, "Earlier attempts", attempts(s.Run))
	section(w, t, "Params", params(s.Run))
	section(w, t, "Workspaces", workspaces(s.Run))
	if len(results) > 0 {
		section(w, t, "Results", []string{})
		if err := resultview.Grid(results).Write(w, t); err != nil {
			return err
		}
	}
	if artifacts := resultview.Artifacts(s); len(artifacts) > 0 {
		section(w, t, "Artifacts", []string{})
		return resultview.ArtifactGrid(artifacts).Write(w, t)
	}
	return nil
}

// section prints lines below a heading; nothing without lines.
func section(w io.Writer, t *terminal.Terminal, heading string, lines []string) {
	if lines == nil {
		return
	}
	fmt.Fprintf(w, "\n%s\n", t.Paint(terminal.Bold, heading))
	for _, line := range lines {
		fmt.Fprintf(w, "%s\n", line)
	}
}

// factsOf returns the lines at the top: names and values.
func factsOf(s runs.Snapshot, now time.Time) [][2]string {
	r := s.Run
	created := r.Object().GetCreationTimestamp()
	facts := [][2]string{
		{"Run", r.FullName().String()},
		{"Namespace", r.Namespace()},
		{"Runs", definition(r)},
		{"State", string(r.State())},
		{"Reason", r.Reason()},
		{"Created", created.UTC().Format(time.RFC3339) + ", " + runs.Age(runs.Between(&created, nil, now)) + " ago"},
		{"Took", runs.Spoken(r.Took(now))},
		{"Size", fmt.Sprintf("%s of %s", resultview.Bytes(objectsize.Encoded(r.Object())), resultview.Bytes(objectsize.Limit))},
	}
	if tr := r.TaskRun; tr != nil {
		facts = append(facts, [2]string{"Pod", tr.Status.PodName})
		if n := len(tr.Status.RetriesStatus); n > 0 {
			facts = append(facts, [2]string{"Attempts", fmt.Sprint(n + 1)})
		}
		if p := tr.Status.Provenance; p != nil && p.FeatureFlags != nil {
			facts = append(facts, [2]string{"Results from", fmt.Sprintf("%s, at most %d bytes each",
				p.FeatureFlags.ResultExtractionMethod, p.FeatureFlags.MaxResultSize)})
		}
		if c := meta.FindStatusCondition(tr.Status.Conditions, v1.ConditionSignedResults); c != nil {
			facts = append(facts, [2]string{"Signed results", fmt.Sprintf("%s, %s: %s", c.Status, c.Reason, terminal.Clean(c.Message))})
		}
	}
	return facts
}

// definition returns a description of the task or pipeline of the run.
func definition(r runs.Run) string {
	if tr := r.TaskRun; tr != nil {
		switch ref := tr.Spec.TaskRef; {
		case ref == nil:
			return "embedded task (taskSpec)"
		case ref.Resolver != "":
			return "Task from resolver " + ref.Resolver
		default:
			return "Task " + ref.Name
		}
	}
	switch ref := r.PipelineRun.Spec.PipelineRef; {
	case ref == nil:
		return "embedded pipeline (pipelineSpec)"
	case ref.Resolver != "":
		return "Pipeline from resolver " + ref.Resolver
	default:
		return "Pipeline " + ref.Name
	}
}

// attempts returns the failed attempts of a TaskRun that were retried.
func attempts(r runs.Run) []string {
	if r.TaskRun == nil {
		return nil
	}
	var lines []string
	for i, a := range r.TaskRun.Status.RetriesStatus {
		line := fmt.Sprintf("%d  pod %s", i+1, a.PodName)
		if c := meta.FindStatusCondition(a.Conditions, v1.ConditionSucceeded); c != nil {
			line += fmt.Sprintf("  %s: %s", c.Reason, terminal.Line(c.Message))
		}
		lines = append(lines, line)
	}
	return lines
}

func params(r runs.Run) []string {
	var given []v1.Param
	if r.TaskRun != nil {
		given = r.TaskRun.Spec.Params
	} else {
		given = r.PipelineRun.Spec.Params
	}
	var lines []string
	for _, p := range given {
		text, err := p.Value.MarshalJSON()
		if err != nil {
			continue // a string can always be encoded
		}
		lines = append(lines, fmt.Sprintf("%s = %s", p.Name, terminal.Cut(terminal.Line(string(text)), shown)))
	}
	return lines
}

func workspaces(r runs.Run) []string {
	var bound []v1.WorkspaceBinding
	if r.TaskRun != nil {
		bound = r.TaskRun.Spec.Workspaces
	} else {
		bound = r.PipelineRun.Spec.Workspaces
	}
	var lines []string
	for _, b := range bound {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s = %s %s", b.Name, volume(b), b.SubPath)))
	}
	return lines
}

// volume returns a description of the volume of a workspace.
func volume(b v1.WorkspaceBinding) string {
	switch {
	case b.EmptyDir != nil:
		return "emptyDir"
	case b.PersistentVolumeClaim != nil:
		return "claim " + b.PersistentVolumeClaim.ClaimName
	case b.VolumeClaimTemplate != nil:
		return "a new claim"
	case b.ConfigMap != nil:
		return "ConfigMap " + b.ConfigMap.Name
	case b.Secret != nil:
		return "Secret " + b.Secret.SecretName
	case b.Projected != nil:
		return "projected"
	case b.CSI != nil:
		return "csi " + b.CSI.Driver
	default:
		return "nothing"
	}
}
