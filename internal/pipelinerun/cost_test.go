package pipelinerun

import (
	"fmt"
	"strconv"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// matrixOf returns a task with a matrix of this many combinations.
func matrixOf(task string, combinations int, results ...string) v1.PipelineTask {
	t := producing(task, results...)
	t.TaskSpec.Params = []v1.ParamSpec{{Name: "n"}}
	values := make([]string, combinations)
	for i := range values {
		values[i] = strconv.Itoa(i)
	}
	t.Matrix = &v1.Matrix{Params: []v1.Param{array("n", values...)}}
	return t
}

// TestFullQuotaIsAskedOnce: passes that wait for a quota send a few requests, and not some for each child of a matrix.
func TestFullQuotaIsAskedOnce(t *testing.T) {
	const combinations, admitted = 200, 120
	pr := run(matrixOf("m", combinations))
	c := newCluster(t, quotaOf(admitted), pr)
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionUnknown, v1.PipelineRunReasonStarted, "exceeded quota")
	before := c.total()
	_, result := c.pass(t, pr)
	if result.RequeueAfter != reconcile.RetryPeriod {
		t.Errorf("want it retried after %s, got %s", reconcile.RetryPeriod, result.RequeueAfter)
	}
	// Each of the workers of reconcile.Each can have asked at the same time: a creation, and a look for the object.
	if requests := c.total() - before; requests > 2*16 {
		t.Errorf("a pass that waits for a quota sent %d requests for %d combinations", requests, combinations)
	}
}

// TestLostChildIsReadOnce: a child that was deleted is read from the API server once, and not in each pass.
func TestLostChildIsReadOnce(t *testing.T) {
	pr := run(plain("a"), plain("b"))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	if err := c.Delete(t.Context(), c.child(t, pr, "a", -1)); err != nil {
		t.Fatal(err)
	}
	pr = c.settle(t, pr)
	before := c.calls["get"]
	for range 10 {
		c.pass(t, pr)
	}
	if reads := c.calls["get"] - before; reads > 0 {
		t.Errorf("10 passes read a child that is gone %d times", reads)
	}
}

// TestPassReadsAFewChildren: many tasks of finally need other results of the children of a matrix. Each pass reads a limited number of
// children, records what it has decided, and all tasks are decided in the end.
func TestPassReadsAFewChildren(t *testing.T) {
	const combinations, consumers = 64, 80
	var results []string
	var tasks []v1.PipelineTask
	for i := range consumers {
		results = append(results, fmt.Sprintf("r%d", i))
		task := embedded(fmt.Sprintf("f%d", i), v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p", Type: v1.TypeArray}}},
			array("p", fmt.Sprintf("$(tasks.m.results.r%d[*])", i)))
		tasks = append(tasks, task)
	}
	pr := finally(run(matrixOf("m", combinations, append(results, "last")...)), tasks...)
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "all", Type: v1.TypeArray, Value: v1.ArrayValue("$(tasks.m.results.last[*])")}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	for i := range combinations {
		c.endOf(t, c.child(t, pr, "m", i), done(), text("last", "v"))
	}
	passes := 0
	for ; !pr.Status.Done() && passes < 20; passes++ {
		before := c.calls["get"]
		pr, _ = c.pass(t, pr)
		if reads := c.calls["get"] - before; reads > maxReads+2*combinations+2 {
			t.Fatalf("a pass read %d children", reads)
		}
	}
	wantCondition(t, pr, metav1.ConditionTrue, v1.PipelineRunReasonCompleted)
	if got := pr.Status.Results; len(got) != 1 || len(got[0].Value.Array) != combinations {
		t.Errorf("want the result of the pipeline, got %+v", got)
	}
	if got := len(pr.Status.SkippedTasks); got != consumers || passes < 2 {
		t.Errorf("want %d tasks skipped in some passes, got %d in %d", consumers, got, passes)
	}
}

// TestChangedChildWakesItsRun: a running child that loses its owner counts as lost, and one that is being deleted does not end, so
// its run must look at it.
func TestChangedChildWakesItsRun(t *testing.T) {
	owned := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Name: "run-a", OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run(), v1.GroupVersion.WithKind(v1.KindPipelineRun))},
	}}
	labelled, orphan, deleted := owned.DeepCopy(), owned.DeepCopy(), owned.DeepCopy()
	labelled.Labels, orphan.OwnerReferences = map[string]string{"a": "b"}, nil
	deleted.DeletionTimestamp = new(metav1.NewTime(start))
	cases := map[string]struct {
		after *v1.TaskRun
		want  bool
	}{
		"Label":   {after: labelled},
		"NoOwner": {after: orphan, want: true},
		"Deleted": {after: deleted, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ends().Update(event.UpdateEvent{ObjectOld: owned, ObjectNew: tc.after}); got != tc.want {
				t.Errorf("want the run woken: %v, got %v", tc.want, got)
			}
		})
	}
}
