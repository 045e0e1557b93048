package resolve

import (
	"errors"
	"time"
)

// PendingError is the error of a reference whose definition is not available yet. The run waits for it.
type PendingError struct {
	// Kind is the kind of the definition: Task, Pipeline or StepAction.
	Kind string
	// Message is for users. It has no times and no counts, so that it changes only when there is news.
	Message string
	// Due is when the run must be reconciled even if no event causes that.
	Due time.Time
}

func (e *PendingError) Error() string { return e.Message }

// Reason returns the reason of the condition of a run that waits for the definition, such as ResolvingTaskRef.
func (e *PendingError) Reason() string { return "Resolving" + e.Kind + "Ref" }

// Waits collects what a run with several references waits for, so that it requests all of them in one reconcile.
type Waits struct{ first *PendingError }

// Add reports whether err has a *PendingError, and records it.
func (w *Waits) Add(err error) bool {
	pending, ok := errors.AsType[*PendingError](err)
	switch {
	case !ok:
		return false
	case w.first == nil:
		w.first = pending
	case pending.Due.Before(w.first.Due):
		w.first = &PendingError{Kind: w.first.Kind, Message: w.first.Message, Due: pending.Due}
	}
	return true
}

// Err returns a *PendingError with the first message and the earliest time; nil if the run waits for nothing.
func (w *Waits) Err() error {
	if w.first == nil {
		return nil
	}
	return w.first
}
