package run

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

// TestDeclaredParams: the params that a run may have are those of its definition, wherever that is.
func TestDeclaredParams(t *testing.T) {
	const (
		git     = "{resolver: git, params: [{name: url, value: 'https://git.example.com/team/tasks.git'}, {name: pathInRepo, value: build.yaml}]}"
		other   = "{resolver: git, params: [{name: url, value: 'https://git.example.com/team/other'}, {name: pathInRepo, value: build.yaml}]}"
		variant = "{resolver: hub, params: [{name: name, value: $(params.which)}]}"
	)
	answer := resolver.Answer{
		Definition: "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  params: [{name: remote}]\n  steps: [{image: i}]\n",
	}
	cases := map[string]struct {
		reason string
		kind   string
		ref    string
		answer resolver.Answer
		// want are the names; nil if the params are unknown.
		want []string
		note string
	}{
		"Name": {
			reason: "A Task of the namespace.",
			kind:   "TaskRun",
			ref:    "taskRef: {name: build}",
			want:   []string{"local"},
		},
		"Checkout": {
			reason: "A file of the repository of the present folder.",
			kind:   "TaskRun",
			ref:    "taskRef: " + git,
			want:   []string{"here"},
		},
		"Elsewhere": {
			reason: "Another repository is read through the cluster.",
			kind:   "TaskRun",
			ref:    "taskRef: " + other,
			answer: answer,
			want:   []string{"remote"},
		},
		"Pipeline": {
			reason: "So is the Pipeline of any other resolver.",
			kind:   "PipelineRun",
			ref:    "pipelineRef: {resolver: bundles}",
			answer: resolver.Answer{Definition: strings.Replace(answer.Definition, "Task", "Pipeline", 1)},
			want:   []string{"remote"},
		},
		"Failure": {
			reason: "The run fails for this reason, too.",
			kind:   "TaskRun",
			ref:    "taskRef: " + other,
			answer: resolver.Answer{Failure: "no such file"},
			note:   "the params are not checked: cannot resolve the reference: ResolutionFailed: no such file",
		},
		"NoDefinition": {
			reason: "What is fetched is not trusted.",
			kind:   "TaskRun",
			ref:    "taskRef: " + other,
			answer: resolver.Answer{Definition: "kind: Secret\n"},
			note:   "the params are not checked: cannot use the definition",
		},
		"NoAnswer": {
			reason: "The command does not wait forever.",
			kind:   "TaskRun",
			ref:    "taskRef: " + other,
			note:   `the params are not checked: cannot get an answer from resolver "git" within 1m0s`,
		},
		"Variables": {
			reason: "Only the run knows their values.",
			kind:   "TaskRun",
			ref:    "taskRef: " + variant,
			note:   `the params are not checked: the reference to resolver "hub" has variables`,
		},
	}
	folder := t.TempDir()
	t.Chdir(folder)
	for name, text := range map[string]string{
		".git/config": "[remote \"origin\"]\n\turl = git@git.example.com:team/tasks.git\n",
		"build.yaml":  strings.Replace(answer.Definition, "remote", "here", 1),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := &unstructured.Unstructured{}
				text := "apiVersion: tekton.dev/v1\nkind: " + tc.kind + "\nmetadata: {name: run, namespace: team}\nspec:\n  " + tc.ref + "\n"
				if err := yaml.Unmarshal([]byte(text), &run.Object); err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				o := &Options{Terminal: terminal.Plain(strings.NewReader(""), &out, &out)}
				var got []string
				for _, p := range o.declaredParams(t.Context(), answering(t, tc.answer), run) {
					got = append(got, p.Name)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
				}
				if !strings.Contains(out.String(), tc.note) || (out.Len() > 0) != (tc.note != "") {
					t.Errorf("%s\nwant the note %q, got %q", tc.reason, tc.note, out.String())
				}
			})
		})
	}
}

// answering returns a cluster in memory with a Task, whose resolver is a stand-in.
func answering(t *testing.T, answer resolver.Answer) *cluster.Cluster {
	t.Helper()
	build := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "build"}, Spec: v1.TaskSpec{Params: []v1.ParamSpec{{Name: "local"}}},
	}
	always := func(*resolutionv1beta1.ResolutionRequest) resolver.Answer { return answer }
	return &cluster.Cluster{Client: resolver.InMemory(t, "team", always, build), Namespace: "team"}
}
