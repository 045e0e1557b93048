package taskrun

import (
	"context"
	"errors"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// crashed reports on a run that a pass over it has panicked. A run that is given up fails, and its pod is stopped.
func (r *Reconciler) crashed(ctx context.Context, tr *v1.TaskRun, p reconcile.Panic) error {
	return r.statuses.ReportPanic(ctx, tr, p, func(ctx context.Context) error {
		obs := Observation{}
		if err := errors.Join(r.observePod(ctx, tr, &obs), r.findEarlier(ctx, tr, &obs)); err != nil {
			return err
		}
		if err := errors.Join(r.abandon(ctx, tr, obs.Pod), r.stopEarlier(ctx, obs)); err != nil {
			return err
		}
		r.Methods.Forget(keyOf(tr))
		return nil
	})
}
