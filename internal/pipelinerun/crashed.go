package pipelinerun

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// crashed tells the run's user that a pass over it has panicked. A run that is given up fails, and its TaskRuns are told to
// end. All of it goes the shortest way: what a pass would compute is what may have panicked.
func (r *Reconciler) crashed(ctx context.Context, pr *v1.PipelineRun, c reconcile.Panic) error {
	if pr.Status.Done() {
		return nil // its outcome stands
	}
	now := metav1.NewTime(r.clock.Now())
	status := *pr.Status.DeepCopy()
	if status.StartTime == nil {
		status.StartTime = &now
	}
	if !c.Final() {
		status.SetCondition(v1.Running(v1.PipelineRunReasonInternalError, c.Message()), now)
		if err := r.write(ctx, pr, status); err != nil {
			return err
		}
		r.recorder.Eventf(pr, nil, corev1.EventTypeWarning, v1.PipelineRunReasonInternalError, "Reconcile", "%s", short(c.Message()))
		return nil
	}
	if err := r.cancelUnfinished(ctx, pr); err != nil {
		return err
	}
	status.CompletionTime = &now
	status.SetCondition(v1.Failed(v1.PipelineRunReasonInternalError, c.Message()), now)
	_, err := r.store(ctx, pr, status)
	return err
}

// unfinished are the TaskRuns of a run that is given up which have not ended.
func (r *Reconciler) unfinished(ctx context.Context, pr *v1.PipelineRun) ([]cancellation, error) {
	byTask, err := r.taskRuns(ctx, pr)
	if err != nil {
		return nil, err
	}
	var all []cancellation
	for task, names := range byTask {
		for _, name := range names {
			found, err := r.child(ctx, pr, referenceTo(name, &v1.PipelineTask{Name: task}))
			if err != nil {
				return nil, err
			}
			if !found.Lost && !found.TaskRun.Status.Done() && found.TaskRun.Spec.Status == "" {
				all = append(all, cancellation{found.TaskRun, v1.TaskRunGivenUpByPipelineRun})
			}
		}
	}
	return all, nil
}
