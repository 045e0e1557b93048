package taskrun

import (
	"context"
	"errors"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// giveUp stops what a run whose reconciles panic has started. It calls nothing that observe or plan also call.
func (r *Reconciler) giveUp(ctx context.Context, tr *v1.TaskRun) error {
	obs := Observation{}
	if err := errors.Join(r.observePod(ctx, tr, &obs), r.findEarlier(ctx, tr, &obs)); err != nil {
		return err
	}
	if err := errors.Join(r.abandon(ctx, tr, obs.Pod), r.stopEarlier(ctx, obs)); err != nil {
		return err
	}
	r.Transports.Forget(keyOf(tr))
	return nil
}
