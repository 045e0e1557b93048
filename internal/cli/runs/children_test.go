package runs

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// childOf is a child of a run, for a task.
func childOf(pr *v1.PipelineRun, kind, task string) v1.ChildReference {
	return v1.ChildReference{Kind: kind, Name: pr.Name + "-" + task, PipelineTaskName: task}
}

// nest makes inner a task of outer.
func nest(outer, inner *v1.PipelineRun, task string) {
	inner.Name = outer.Name + "-" + task
	inner.Labels = map[string]string{v1.LabelPipelineRun: outer.Name, v1.LabelPipelineTask: task}
	outer.Status.ChildReferences = append(outer.Status.ChildReferences, childOf(outer, v1.KindPipelineRun, task))
}

// TestReadChildren: a snapshot has the children of every kind, in the order of the status, and those of PipelineRuns within. Each kind
// is listed once for each PipelineRun.
func TestReadChildren(t *testing.T) {
	outer, mid, low := pipelineRun("run"), pipelineRun(""), pipelineRun("")
	outer.Status.ChildReferences = []v1.ChildReference{
		childOf(outer, v1.KindTaskRun, "first"), childOf(outer, v1beta1.KindCustomRun, "approve"), childOf(outer, v1beta1.KindCustomRun, "gone"),
	}
	approve := &v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "run-approve", Labels: map[string]string{v1.LabelPipelineRun: "run"},
	}}
	approve.Status.Conditions = []v1beta1.Condition{{Type: "Succeeded", Status: "True", Reason: "Approved"}}
	approve.Status.Results = []v1beta1.CustomRunResult{{Name: "who", Value: "four"}}
	nest(outer, mid, "mid")
	nest(mid, low, "low")
	low.Status.Conditions = []metav1.Condition{v1.Failed(v1.PipelineRunReasonFailed, "leaf failed")}
	low.Status.Results = []v1.PipelineRunResult{{Name: "list", Value: v1.ArrayValue("ab", "c")}}
	low.Status.ChildReferences = []v1.ChildReference{childOf(low, v1.KindTaskRun, "leaf")}
	leaf, first := taskRun(low.Name+"-leaf", low.Name), taskRun("run-first", "run")
	leaf.Labels[v1.LabelPipelineTask], first.Labels[v1.LabelPipelineTask] = "leaf", "first"
	lists := map[string]int{}
	c := connected(t, interceptor.Funcs{
		List: func(ctx context.Context, under client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			lists[fmt.Sprintf("%T", list)]++
			return under.List(ctx, list, opts...)
		},
	}, outer, mid, low, approve, leaf, first)
	s, err := Read(t.Context(), c, OfPipeline(outer))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range s.Others {
		child := &s.Others[i]
		got = append(got, fmt.Sprintf("%s %s %s %s %v", child.Kind, s.Label(i), child.State(), child.Note(), child.Results))
	}
	want := []string{
		"CustomRun approve succeeded CustomRun, Approved map[who:4]", "CustomRun gone waiting CustomRun map[]",
		"PipelineRun mid running PipelineRun, Running map[]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("children: -want, +got:\n%s", diff)
	}
	inner := s.Others[2].Within.Others[0]
	if inner.State() != Failed || inner.Results["list"] != 3 {
		t.Errorf("the innermost run is %s, with results %v", inner.State(), inner.Results)
	}
	var names []string
	for _, l := range s.Leaves() {
		names = append(names, l.Name)
	}
	if diff := cmp.Diff([]string{"first", "mid › low › leaf"}, names); diff != "" {
		t.Errorf("leaves: -want, +got:\n%s", diff)
	}
	once := map[string]int{"*v1.TaskRunList": 3, "*v1.PipelineRunList": 2, "*v1beta1.CustomRunList": 1}
	if diff := cmp.Diff(once, lists); diff != "" {
		t.Errorf("requests: -want, +got:\n%s", diff)
	}
}

// TestReadChildrenHasALimit: runs that are within themselves, which no controller makes, do not keep a command from its end.
func TestReadChildrenHasALimit(t *testing.T) {
	pr := pipelineRun("run")
	pr.Labels = map[string]string{v1.LabelPipelineRun: "run"}
	pr.Status.ChildReferences = []v1.ChildReference{{Kind: v1.KindPipelineRun, Name: "run", PipelineTaskName: "t"}}
	s, err := Read(t.Context(), connected(t, interceptor.Funcs{}, pr), OfPipeline(pr))
	if err != nil || len(s.All()) != maxDepth+2 {
		t.Errorf("want %d levels, got %d, %v", maxDepth+2, len(s.All()), err)
	}
}

// TestMatches: a user selects a task by its name in its pipeline, by all names that lead to it, or by one that it is within.
func TestMatches(t *testing.T) {
	leaf := Leaf{Name: "mid › low › leaf-2", TaskRun: taskRun("run-mid-low-leaf-1", "run-mid-low"), task: "leaf-2"}
	leaf.TaskRun.Labels[v1.LabelPipelineTask] = "leaf"
	for text, want := range map[string]bool{
		"":                   true,
		"leaf-2":             true,
		"leaf":               true,
		"run-mid-low-leaf-1": true,
		"mid › low › leaf-2": true,
		"mid":                true,
		"mid › low":          true,
		"low":                false,
		"mi":                 false,
		"other":              false,
	} {
		if got := leaf.Matches(text); got != want {
			t.Errorf("Matches(%q): want %v, got %v", text, want, got)
		}
	}
}

// TestCustomRunInLists: a CustomRun has the columns of other runs, and only lists take its kind.
func TestCustomRunInLists(t *testing.T) {
	begun := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	custom := &v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "c"}}
	custom.Status.StartTime = &begun
	custom.Status.Conditions = []v1beta1.Condition{{Type: "Succeeded", Status: "False", Reason: v1beta1.CustomRunReasonCancelled}}
	var found []Run
	err := Each(t.Context(), connected(t, interceptor.Funcs{}, custom), v1beta1.KindCustomRun, nil, func(r Run) error {
		found = append(found, r.Summary())
		return nil
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("got %d runs, %v", len(found), err)
	}
	r := found[0]
	if r.State() != Cancelled || !r.Done() || r.FullName().String() != "customrun/c" || !r.Started().Equal(&begun) || r.Ended() != nil {
		t.Errorf("got %s %s, started %v, ended %v", r.FullName(), r.State(), r.Started(), r.Ended())
	}
	if got := r.Typed().GetObjectKind().GroupVersionKind().String(); got != "tekton.dev/v1beta1, Kind=CustomRun" {
		t.Errorf("the object is of %s", got)
	}
	if kind, ok := ListedKind("customruns.tekton.dev"); !ok || kind != v1beta1.KindCustomRun {
		t.Errorf("ListedKind: %q, %v", kind, ok)
	}
	if _, ok := KindOf("customrun"); ok {
		t.Error("a command for one run takes a CustomRun")
	}
}
