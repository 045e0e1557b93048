package standin_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/standin"
)

func taskRun(name, managedBy string) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}}
	tr.Spec.TaskSpec = &v1.TaskSpec{Steps: []v1.Step{{Name: "s", Image: "busybox"}}}
	if managedBy != "none" {
		tr.Spec.ManagedBy = &managedBy
	}
	return tr
}

// TestEngineActsOnItsRuns: of TaskRuns with every kind of managedBy, the engine ends those on which Tekton's controller acts, and
// does not write the others.
func TestEngineActsOnItsRuns(t *testing.T) {
	if err := v1.AddToScheme(scheme.Scheme); err != nil {
		t.Fatal(err)
	}
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "p"}}
	pr.Spec.PipelineSpec = &v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{{Name: "make", TaskSpec: &v1.EmbeddedTask{TaskSpec: *taskRun("", "").Spec.TaskSpec}}},
		Results: []v1.PipelineResult{{Name: "sum", Value: v1.StringValue("$(tasks.make.results.r)")}},
	}
	foreign := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "q"}}
	foreign.Spec.ManagedBy = new(v1.ManagedBySluice)
	c := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithStatusSubresource(&v1.TaskRun{}, &v1.PipelineRun{}).WithObjects(
		taskRun("none", "none"), taskRun("empty", ""), taskRun("tekton", v1.ManagedByThis), taskRun("sluice", v1.ManagedBySluice),
		taskRun("other", "example.com/other"), pr, foreign).Build()
	e := &standin.Engine{Client: c, Pods: true, Results: func(*v1.TaskRun) []v1.TaskRunResult {
		return []v1.TaskRunResult{{Name: "r", Type: v1.TypeString, Value: v1.StringValue("x")}}
	}}
	for range 4 { // started, tasks started, tasks ended, ended
		if err := e.Act(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var taskRuns v1.TaskRunList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&taskRuns, &pods} {
		if err := c.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]bool{}
	for _, tr := range taskRuns.Items {
		got[tr.Name] = tr.Status.Done()
		if !tr.Status.Done() && len(tr.Status.Conditions) > 0 {
			t.Errorf("TaskRun %q was written: %v", tr.Name, tr.Status.Conditions)
		}
	}
	want := map[string]bool{"none": true, "empty": true, "tekton": true, "p-make": true, "sluice": false, "other": false}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("TaskRuns that ended (-want +got):\n%s", diff)
	}
	if len(pods.Items) != 4 {
		t.Errorf("got %d pods, want one for each of 4 TaskRuns", len(pods.Items))
	}
	for _, o := range []*v1.PipelineRun{pr, foreign} {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
	}
	if !pr.Status.Done() || len(pr.Status.Results) != 1 || pr.Status.Results[0].Value.String != "x" {
		t.Errorf("the PipelineRun ended with %+v", pr.Status)
	}
	if len(foreign.Status.Conditions) > 0 {
		t.Errorf("the PipelineRun of another controller was written: %+v", foreign.Status)
	}
}
