package pipelinerun

import (
	"cmp"
	"context"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// cancelUnfinished cancels the children of a run that is given up. It lists them from the API server, because the status may
// not have all of them.
func (r *Reconciler) cancelUnfinished(ctx context.Context, pr *v1.PipelineRun) error {
	unfinished, err := r.unfinished(ctx, pr)
	if err != nil {
		return err
	}
	return r.cancelChildren(ctx, unfinished)
}

// unfinished returns the children of a run that have not ended.
func (r *Reconciler) unfinished(ctx context.Context, pr *v1.PipelineRun) ([]cancellation, error) {
	byTask, err := r.owned(ctx, pr, kindsIn(cmp.Or(pr.Status.PipelineSpec, pr.Spec.PipelineSpec)))
	if err != nil {
		return nil, err
	}
	var all []cancellation
	find := r.finder(ctx, pr)
	for _, references := range byTask {
		for _, ref := range references {
			found, err := find(ref)
			if err != nil {
				return nil, err
			}
			if found.stoppable(givenUp()) {
				all = append(all, cancellation{found.Run, givenUp()})
			}
		}
	}
	return all, nil
}
