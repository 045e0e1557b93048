package reconcile

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/partial"
)

// Meter counts the writes of statuses.
type Meter interface {
	// Wrote counts one write by the API server's response, or by a *FullError if no write is possible. Refused counts a run
	// that ended because its status was refused.
	Wrote(err error)
	Refused(why Refusal)
}

// Statuses writes the statuses of the runs of one kind, emits their events, and tracks the versions after the writes.
type Statuses[R client.Object, S any] struct {
	// Kind is the kind of the runs.
	Kind Kind[R, S]
	// Client writes, and Live reads from the API server.
	Client client.Client
	Live   client.Reader
	// Recorder emits the events.
	Recorder events.EventRecorder
	// Clock returns the time at which a run ends.
	Clock clock.PassiveClock
	// Writes tracks the versions that the cache must show before the next reconcile.
	Writes *WriteTracker
	// Known returns a status without the fields that the API of the cluster does not have; nil if it has all. It does not change
	// its argument.
	Known func(S) S
	// Meter counts the writes. Changed observes what a written status reports for the first time.
	Meter   Meter
	Changed func(run R, before, after *S)
	// Ended observes a run whose outcome the API server has stored. Each run ends once. It must not change the run; nil if not needed.
	Ended func(run R)
	// Outbox keeps a record in the status; nil if no messages about runs are sent.
	Outbox Outbox[R, S]
}

// Store writes a status and returns the written one. If the API server will never accept it, Store calls abandon, which stops
// everything the run has started, and ends the run with a smaller status. A returned error is transient, or is a *FullError.
func (w Statuses[R, S]) Store(ctx context.Context, run R, status S, abandon func(context.Context) error) (S, error) {
	status = w.known(status)
	stored, refusal, err := Status[S]{
		Size:    func(s S) int { return w.Kind.Stored(run, s) },
		Managed: objectsize.ManagedFields(run),
		Write:   func(ctx context.Context, s S) error { return w.write(ctx, run, s) },
		Replace: func(ctx context.Context, s S) error { return w.replace(ctx, run, s) },
		Current: func(ctx context.Context) error { return Current(ctx, w.Live, w.Kind.Name, run) },
		Lean:    w.Kind.Lean,
		Abandon: abandon,
		Cuts:    w.Kind.cuts(metav1.NewTime(w.Clock.Now())),
	}.Store(ctx, status)
	if full, ok := errors.AsType[*FullError](err); ok {
		w.Meter.Wrote(full)
		w.report(run, Event{corev1.EventTypeWarning, w.Kind.Refused, Note(full.Error())})
	}
	if err == nil && refusal != nil {
		w.Meter.Refused(*refusal)
	}
	return stored, err
}

// ReportPanic reports a panicked reconcile on the run. After the last try it calls abandon, which stops everything the run
// has started, and ends the run. It calls no other part of the reconcile, because that could panic again.
func (w Statuses[R, S]) ReportPanic(ctx context.Context, run R, p Panic, abandon func(context.Context) error) error {
	copied, _ := run.DeepCopyObject().(R)
	status := *w.Kind.Status(copied)
	f := w.Kind.Fields(&status)
	if f.Done() {
		return nil // its outcome never changes
	}
	now := metav1.NewTime(w.Clock.Now())
	if !p.Final() {
		if *f.Start == nil {
			*f.Start = &now
		}
		f.SetCondition(v1.Running(w.Kind.Panicked, p.Message()), now)
		return w.write(ctx, run, w.known(status))
	}
	if err := abandon(ctx); err != nil {
		return err
	}
	w.Kind.end(&status, w.Kind.Panicked, p.Message(), now)
	_, err := w.Store(ctx, run, status, abandon)
	return err
}

func (w Statuses[R, S]) known(status S) S {
	if w.Known == nil {
		return status
	}
	return w.Known(status)
}

// write patches the status if it has changed. The patch contains the version that was read, so that of two concurrent
// controllers one gets a conflict.
func (w Statuses[R, S]) write(ctx context.Context, run R, status S) error {
	if w.Outbox != nil {
		status = w.Outbox.Due(run, status)
	}
	change, err := StatusPatch(run.GetResourceVersion(), w.Kind.Status(run), &status)
	if change == nil && err == nil {
		return nil
	}
	if err = w.send(ctx, run, status, change, err); err != nil && w.Outbox != nil {
		w.Outbox.Failed(run)
	}
	return err
}

// replace replaces the complete status and the managed fields of the object. There is no room for the record of the outbox.
func (w Statuses[R, S]) replace(ctx context.Context, run R, status S) error {
	change, err := ReplaceStatus(run.GetResourceVersion(), &status)
	return w.send(ctx, run, status, change, err)
}

// send sends a patch, and emits the events of its status. Failed is why there is no patch.
func (w Statuses[R, S]) send(ctx context.Context, run R, status S, change client.Patch, failed error) error {
	if err := partial.Check("write the status of", run); err != nil {
		return err // the client sees only the patch
	}
	if failed != nil {
		return fmt.Errorf("cannot change status of %s %q: %w", w.Kind.Name, run.GetName(), failed)
	}
	answer := &metav1.PartialObjectMetadata{} // without the results that were just sent
	answer.SetGroupVersionKind(v1.GroupVersion.WithKind(w.Kind.Name))
	answer.Namespace, answer.Name = run.GetNamespace(), run.GetName()
	err := w.Client.Status().Patch(ctx, answer, change)
	w.Meter.Wrote(err)
	if err != nil {
		return fmt.Errorf("cannot write status of %s %q: %w", w.Kind.Name, run.GetName(), err)
	}
	w.Writes.Record(answer)
	before := w.Kind.Status(run)
	w.Changed(run, before, &status)
	if w.Ended != nil && !w.Kind.Fields(before).Done() && w.Kind.Fields(&status).Done() {
		w.Ended(w.Kind.With(run, status))
	}
	for _, e := range w.Kind.Events(*before, status) {
		w.report(run, e)
	}
	if w.Outbox != nil {
		w.Outbox.Written(run, w.Kind.With(run, status))
	}
	return nil
}

func (w Statuses[R, S]) report(run R, e Event) {
	w.Recorder.Eventf(run, nil, e.Type, e.Reason, "Reconcile", "%s", e.Note)
}
