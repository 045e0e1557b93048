package taskrun

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// crashed tells the run's user that a pass over it has panicked. A run that is given up fails, and its pod is stopped. All
// of it goes the shortest way: what a pass would compute is what may have panicked.
func (r *Reconciler) crashed(ctx context.Context, tr *v1.TaskRun, c reconcile.Panic) error {
	if tr.Status.Done() {
		return nil // its outcome stands
	}
	now := metav1.NewTime(r.clock.Now())
	status := *tr.Status.DeepCopy()
	if status.StartTime == nil {
		status.StartTime = &now
	}
	if !c.Final() {
		status.SetCondition(v1.Running(v1.TaskRunReasonInternalError, c.Message()), now)
		return r.write(ctx, tr, status)
	}
	obs := Observation{}
	if err := r.observePod(ctx, tr, &obs); err != nil {
		return err
	}
	if err := r.findEarlier(ctx, tr, &obs); err != nil {
		return err
	}
	if err := errors.Join(r.stopPod(ctx, obs.Pod), r.stopEarlier(ctx, obs)); err != nil {
		return err
	}
	r.methods.Forget(keyOf(tr))
	status.CompletionTime = &now
	status.SetCondition(v1.Failed(v1.TaskRunReasonInternalError, c.Message()), now)
	finish(status.Steps, v1.TaskRunReasonInternalError, now)
	_, err := r.store(ctx, tr, obs.Pod, status)
	return err
}
