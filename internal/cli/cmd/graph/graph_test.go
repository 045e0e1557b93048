package graph_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/scheme"
)

const two = `apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: one}
spec:
  tasks:
  - {name: a, taskRef: {name: t}}
  - {name: b, taskRef: {name: t}, params: [{name: p, value: $(tasks.a.results.out)}]}
---
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: cyclic}
spec:
  tasks:
  - {name: a, taskRef: {name: t}, runAfter: [b]}
  - {name: b, taskRef: {name: t}, runAfter: [a]}
---
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {name: once}
spec: {taskRef: {name: elsewhere}}
`

// run runs `sluice graph` with these arguments, on a cluster with one PipelineRun, in a folder with files.
func run(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	folder := t.TempDir()
	t.Chdir(folder)
	if err := os.WriteFile(filepath.Join(folder, "two.yaml"), []byte(two), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	objects := []client.Object{
		&v1.PipelineRun{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "build"},
			Status: v1.PipelineRunStatus{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
				{Name: "a"}, {Name: "b", Params: []v1.Param{{Name: "p", Value: v1.StringValue("$(tasks.a.results.out)")}}},
			}}},
		},
		&v1.TaskRun{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "ci",
				Name:      "build-a",
				Labels:    map[string]string{v1.LabelPipelineRun: "build", v1.LabelPipelineTask: "a"},
			},
			Status: v1.TaskRunStatus{
				Conditions: []metav1.Condition{{Type: v1.ConditionSucceeded, Status: metav1.ConditionTrue, Reason: v1.TaskRunReasonSucceeded}},
				Results:    []v1.TaskRunResult{{Name: "out", Value: v1.StringValue(strings.Repeat("x", 2048))}},
			},
		},
		&v1.PipelineRun{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "new"},
			Spec:       v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{Name: "x"}},
		},
	}
	c := &cluster.Cluster{Namespace: "ci", Client: fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).Build()}
	var stdout, stderr bytes.Buffer
	command := graph.NewCommand(terminal.Plain(strings.NewReader(two), &stdout, &stderr), cluster.Fixed{Cluster: c})
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetArgs(args)
	err = command.ExecuteContext(context.Background())
	return stdout.String(), err
}

func TestCommand(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		out    string
		err    string
	}{
		"Run": {
			reason: "a run has states and sizes",
			args:   []string{"build"},
			out:    "a → b: out 2.0 KiB\n",
		},
		"RunStates": {
			reason: "each task has its mark",
			args:   []string{"build"},
			out:    "│ ✓ a │",
		},
		"SVG": {
			reason: "an image",
			args:   []string{"build", "-o", "svg"},
			out:    `<g class="node succeeded" data-task="a"`,
		},
		"JSON": {
			reason: "for programs",
			args:   []string{"build", "-o", "json"},
			out:    `"size": 2048`,
		},
		"File": {
			reason: "an object of a file",
			args:   []string{"two.yaml", "--of", "pipeline/one", "-o", "mermaid"},
			out:    `n0 -->|"out"| n1`,
		},
		"DOT": {
			reason: "in the language of Graphviz",
			args:   []string{"two.yaml", "--of", "Pipeline/one", "-o", "dot"},
			out:    `n0 -> n1 [label="out"]`,
		},
		"Several": {
			reason: "a file with several objects must be asked for one",
			args:   []string{"two.yaml"},
			err:    `2 objects in "two.yaml" can be drawn`,
		},
		"Piped": {
			reason: "what is piped in is a file",
			args:   []string{"-"},
			err:    `2 objects in "-" can be drawn`,
		},
		"Cycle": {
			reason: "a cycle has no layers",
			args:   []string{"two.yaml", "--of", "Pipeline/cyclic"},
			err:    "they wait for each other: a → b → a",
		},
		"Elsewhere": {
			reason: "what a run refers to must be there",
			args:   []string{"two.yaml", "--of", "TaskRun/once"},
			err:    "refers to an object that is not in the file",
		},
		"NoObject": {
			reason: "an object that there is not",
			args:   []string{"two.yaml", "--of", "Task/x"},
			err:    `there is no Task/x in "two.yaml"`,
		},
		"NoFile": {
			reason: "a file that there is not",
			args:   []string{"none.yaml"},
			err:    `cannot read file "none.yaml"`,
		},
		"NoRun": {
			reason: "a run that there is not",
			args:   []string{"none"},
			err:    `there is no run "none"`,
		},
		"NotBegun": {
			reason: "a run that nothing has acted on",
			args:   []string{"new"},
			err:    "it has not started",
		},
		"OfRun": {
			reason: "a run is one object",
			args:   []string{"build", "--of", "x"},
			err:    "--of is for files",
		},
		"BadFormat": {
			reason: "a format that there is not",
			args:   []string{"build", "-o", "png"},
			err:    "want one of text|svg|dot|mermaid|json",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, tc.args...)
			if !strings.Contains(out, tc.out) {
				t.Errorf("%s: want %q in\n%s", tc.reason, tc.out, out)
			}
			if (tc.err == "") != (err == nil) ||
				err != nil && (!strings.Contains(err.Error(), tc.err) || clierror.CodeOf(err) != clierror.Unusable) {
				t.Errorf("%s: want the error %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}
