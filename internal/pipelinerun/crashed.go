package pipelinerun

import (
	"context"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// crashed reports on the run that a reconcile of it has panicked. A run that is given up fails, and its TaskRuns are
// cancelled.
func (r *Reconciler) crashed(ctx context.Context, pr *v1.PipelineRun, p reconcile.Panic) error {
	return r.statuses.ReportPanic(ctx, pr, p, func(ctx context.Context) error { return r.cancelUnfinished(ctx, pr) })
}

// unfinished are the TaskRuns of a run that is given up which have not ended.
func (r *Reconciler) unfinished(ctx context.Context, pr *v1.PipelineRun) ([]cancellation, error) {
	byTask, err := r.taskRuns(ctx, pr)
	if err != nil {
		return nil, err
	}
	var all []cancellation
	find := r.finder(ctx, pr)
	for task, names := range byTask {
		for _, name := range names {
			found, err := find(referenceTo(name, &v1.PipelineTask{Name: task}))
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
