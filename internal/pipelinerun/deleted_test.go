package pipelinerun

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestDeletedChildIsGivenUp: a child that is being deleted while it runs, and that a finalizer keeps, does not end any more. Its run ends
// after a minute, and names it.
func TestDeletedChildIsGivenUp(t *testing.T) {
	pr := run(plain("a"), plain("b", "a"))
	pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{}} // no timeout
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	child := c.child(t, pr, "a", -1)
	child.Finalizers = []string{"example.com/export"}
	if err := c.Update(t.Context(), child); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), child); err != nil {
		t.Fatal(err)
	}
	deleted := c.child(t, pr, "a", -1).DeletionTimestamp
	c.clock.SetTime(deleted.Time)
	_, result := c.pass(t, pr)
	if pr = c.settle(t, pr); pr.Status.Done() || result.RequeueAfter <= 0 || result.RequeueAfter > StopGrace {
		t.Fatalf("want it woken within %s, got %s, %+v", StopGrace, result.RequeueAfter, pr.Status.Condition())
	}
	c.clock.SetTime(deleted.Add(StopGrace))
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonFailed, `"run-a"`, "deleted")
	if diff := cmp.Diff([]string{"run-a"}, c.children(t)); diff != "" {
		t.Errorf("TaskRuns: -want, +got:\n%s", diff)
	}
}

// TestUnrecordedChildOfARefusedRunIsCancelled: a child was created and could not be recorded. The run then ends before its first status,
// because its definition has changed. The child is cancelled.
func TestUnrecordedChildOfARefusedRunIsCancelled(t *testing.T) {
	cases := map[string]struct {
		change func(*v1.PipelineRun)
		reason string
	}{
		"Invalid": {
			change: func(pr *v1.PipelineRun) { pr.Spec.PipelineSpec.Tasks[0].RunAfter = []string{"absent"} },
			reason: v1.PipelineRunReasonInvalidGraph,
		},
		"Unresolved": {
			change: func(pr *v1.PipelineRun) {
				pr.Spec.PipelineSpec, pr.Spec.PipelineRef = nil, &v1.PipelineRef{Name: "absent"}
			},
			reason: v1.PipelineRunReasonCouldntGetPipeline,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr, armed := run(plain("a")), true
			c := newCluster(t, conflicting(&armed), pr)
			pr = c.settle(t, pr)
			armed = false
			pr = c.settle(t, c.update(t, pr, tc.change))
			wantCondition(t, pr, metav1.ConditionFalse, tc.reason)
			got := c.child(t, pr, "a", -1).Spec
			if got.Status != v1.TaskRunSpecStatusCancelled || got.StatusMessage != v1.TaskRunGivenUpByPipelineRun {
				t.Errorf("want the child cancelled, got %q, %q", got.Status, got.StatusMessage)
			}
		})
	}
}
