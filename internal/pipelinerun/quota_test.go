package pipelinerun

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestQuotaAndTheTimeOfThePipelineRun: a TaskRun that waits for a quota has not started, so its own timeout does not run. Its
// PipelineRun has started, so that of the PipelineRun does, whether there is room for the pod in the end or not.
func TestQuotaAndTheTimeOfThePipelineRun(t *testing.T) {
	for name, roomAfter := range map[string]time.Duration{"NeverRoom": time.Hour, "RoomBeforeTheEnd": 50 * time.Second} {
		t.Run(name, func(t *testing.T) {
			pr := run(plain("a"))
			pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Minute}}
			c := newCluster(t, interceptor.Funcs{}, pr)
			pr = c.settle(t, pr)
			reconciler := c.taskRunReconcilerOn(t, interceptor.NewClient(c.WithWatch, c.quotaUntil(start.Add(roomAfter))))
			look := func() *v1.TaskRun {
				t.Helper()
				child := c.child(t, pr, "a", -1)
				if _, err := reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(child)}); err != nil {
					t.Fatal(err)
				}
				return c.child(t, pr, "a", -1)
			}
			waiting := look()
			got := waiting.Status.Condition()
			if got == nil || got.Reason != v1.TaskRunReasonExceededResourceQuota || waiting.Status.StartTime != nil {
				t.Fatalf("want the TaskRun to wait without a start, got %+v, started at %v", got, waiting.Status.StartTime)
			}
			c.clock.SetTime(start.Add(59 * time.Second))
			pr = c.settle(t, pr)
			if child := look(); pr.Status.Done() || child.Status.Done() || (child.Status.PodName != "") != (roomAfter < time.Minute) {
				t.Fatalf("before the time is up: got %+v and %+v", pr.Status.Condition(), child.Status)
			}
			c.clock.SetTime(start.Add(time.Minute))
			pr = c.settle(t, pr)
			if child := look(); child.Status.Condition().Reason != v1.TaskRunReasonCancelled {
				t.Fatalf("want the TaskRun cancelled by the PipelineRun, got %+v", child.Status.Condition())
			}
			wantCondition(t, c.settle(t, pr), metav1.ConditionFalse, v1.PipelineRunReasonTimedOut, "longer than 1m0s")
		})
	}
}

// quotaUntil makes a client that has no room for pods until this time.
func (c *cluster) quotaUntil(room time.Time) interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, isPod := o.(*corev1.Pod); isPod && c.clock.Now().Before(room) {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, o.GetName(), errors.New("exceeded quota: small"))
			}
			return under.Create(ctx, o, opts...)
		},
	}
}
