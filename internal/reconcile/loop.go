package reconcile

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/ownership"
)

// Loop is the part of a reconcile that both kinds of run have: it reads the run from the cache, and leaves it alone if it is
// not the turn of this controller. Otherwise it calls Work, and reports a panic in Work on the run.
type Loop[R client.Object, S any] struct {
	// Runs decides which runs this controller manages.
	Runs ownership.Rule
	// Statuses write the statuses of the runs.
	Statuses Statuses[R, S]
	// Panics are the panics over the runs.
	Panics *PanicTracker
	// Options of the read from the cache.
	Options []client.GetOption
	// Forget drops what is known of a run that is deleted; nil if nothing is known but what Statuses know.
	Forget func(types.NamespacedName)
	// Work brings a run as far as it can go now.
	Work func(ctx context.Context, run R) (ctrl.Result, error)
	// Abandon stops what a run has started that is given up after too many panics.
	Abandon func(ctx context.Context, run R) error
}

// Reconcile brings the run of a request as far as it can go now.
func (l Loop[R, S]) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	kind := l.Statuses.Kind
	run := kind.New()
	err := l.Statuses.Client.Get(ctx, request.NamespacedName, run, l.Options...)
	if apierrors.IsNotFound(err) || err == nil && run.GetDeletionTimestamp() != nil {
		l.Statuses.Writes.Forget(request.NamespacedName)
		if l.Forget != nil {
			l.Forget(request.NamespacedName)
		}
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("cannot get %s %q: %w", kind.Name, request.Name, err)
	}
	if !l.Runs.Manages(kind.ManagedBy(run)) {
		return ctrl.Result{}, nil
	}
	if left := max(l.Statuses.Writes.StaleFor(run), l.Panics.Backoff(run)); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	defer l.Panics.Recover(ctx, run, func(p Panic) error { return l.ReportPanic(ctx, run, p) })
	return l.Work(ctx, run)
}

// ReportPanic reports a panic in Work on the run. After too many of them, it stops what the run has started, and the run fails.
func (l Loop[R, S]) ReportPanic(ctx context.Context, run R, p Panic) error {
	return l.Statuses.ReportPanic(ctx, run, p, func(ctx context.Context) error { return l.Abandon(ctx, run) })
}
