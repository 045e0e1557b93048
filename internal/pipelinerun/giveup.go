package pipelinerun

import (
	"context"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// cancelUnfinished cancels the TaskRuns of a run that is given up. It lists them from the API server, because the status may
// not have all of them.
func (r *Reconciler) cancelUnfinished(ctx context.Context, pr *v1.PipelineRun) error {
	unfinished, err := r.unfinished(ctx, pr)
	if err != nil {
		return err
	}
	return r.cancelTaskRuns(ctx, unfinished)
}

// unfinished returns the TaskRuns of a run that have not ended.
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
