//go:build e2e

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestPropagation: an embedded task sees the params and workspaces of its run, and defaults may refer to other params.
func TestPropagation(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Run(t, v1.TaskRunSpec{
		Params:     []v1.Param{{Name: "who", Value: v1.StringValue("$(params.greeting)")}},
		Workspaces: []v1.WorkspaceBinding{{Name: "w", EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		TaskSpec: &v1.TaskSpec{
			Params: []v1.ParamSpec{
				{Name: "text", Default: new(v1.StringValue("$(params.greeting) from $(context.taskRun.namespace)"))},
				{Name: "greeting", Default: new(v1.StringValue("hello"))},
			},
			Results: []v1.TaskResult{kube.Result("r", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("s", `cd $(workspaces.w.path); printf %s "$(params.text): "'$(params.who)' > $(results.r.path)`)},
		},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if got, want := kube.Values(run)["r"].String, "hello from "+n.Name+": $(params.greeting)"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}

// TestLabelsOfTheTask: clients find the runs of a Task, and their pods, by its labels.
func TestLabelsOfTheTask(t *testing.T) {
	n := suite.NewNamespace(t)
	task := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "labelled",
			Namespace:   n.Name,
			Labels:      map[string]string{"team": "a"},
			Annotations: map[string]string{"chains.tekton.dev/x": "y", "team.example.com/x": "z"},
		},
		Spec: v1.TaskSpec{Steps: []v1.Step{kube.Script("s", "true")}},
	}
	if err := n.Client.Create(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	run := n.Run(t, v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: task.Name}})
	suite.WantSucceeded(t, run.Status.Condition())
	for of, labels := range map[string]map[string]string{"run": run.Labels, "pod": n.Pod(t, run).Labels} {
		if labels[v1.LabelTask] != "labelled" || labels["team"] != "a" {
			t.Errorf("labels of the %s: got %v", of, labels)
		}
	}
	// Annotations of the signing controller are for the object that it signed.
	if _, copied := run.Annotations["chains.tekton.dev/x"]; copied || run.Annotations["team.example.com/x"] != "z" {
		t.Errorf("annotations of the run: got %v", run.Annotations)
	}
}

// TestManagedElsewhere: a run of another controller is not changed. Another run of the namespace ends in the meantime.
func TestManagedElsewhere(t *testing.T) {
	n := suite.NewNamespace(t)
	spec := v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{kube.Script("s", "true")}}}
	spec.ManagedBy = new("example.com/other")
	theirs := n.Start(t, spec)
	spec.ManagedBy = new(v1.ManagedByThis)
	suite.WantSucceeded(t, n.Run(t, spec).Status.Condition())
	if out := n.MustKubectl(t, "get", "taskrun", theirs.Name, "-o", "jsonpath={.status}"); strings.TrimSpace(out) != "" {
		t.Errorf("want no status, got %s", out)
	}
}
