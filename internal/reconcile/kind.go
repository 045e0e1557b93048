package reconcile

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Kind describes a kind of run, with runs R and statuses S, to the code that both reconcilers share. Its functions do not
// change their arguments.
type Kind[R client.Object, S any] struct {
	// Name is the name of the kind in the API.
	Name string
	// New returns an empty run.
	New func() R
	// ManagedBy returns spec.managedBy of a run.
	ManagedBy func(run R) *string
	// Status returns a pointer to the status of a run. With returns a shallow copy of a run with another status.
	Status func(run R) *S
	With   func(run R, status S) R
	// Fields returns the fields that the statuses of both kinds have.
	Fields func(status *S) Fields
	// Lean returns a status with the same information in fewer bytes.
	Lean func(status S) S
	// Bare returns the lean status without results. It shares nothing that EndBare changes with the original.
	Bare func(status S) S
	// Outline returns a bare status without the information that other objects also have.
	Outline func(status S) S
	// Finish ends everything in a status that still seems to run; nil if there is nothing to end.
	Finish func(status *S, reason string, now metav1.Time)
	// Results and Parts return the largest parts of a status: its results, and all parts that can be large.
	Results, Parts func(status S) []objectsize.Part
	// TooLarge, Refused and Panicked are the reasons of a run that ends because its status is too large, because the API
	// server refuses it for another cause, or because the controller panics.
	TooLarge, Refused, Panicked string
	// TooLargeHint and RefusedHint are the last part of the messages with those reasons.
	TooLargeHint, RefusedHint string
	// Events returns the events for the change from one status to the next.
	Events func(before, after S) []Event
}

// Fields are the fields that the statuses of both kinds of run have.
type Fields struct {
	// Conditioned has the conditions.
	Conditioned

	// Start and Completion point to the two times.
	Start, Completion **metav1.Time
}

// Conditioned is a status with a condition of type Succeeded.
type Conditioned interface {
	Condition() *metav1.Condition
	SetCondition(c metav1.Condition, now metav1.Time)
	Done() bool
}

// Event is an event of a run. It is emitted after the status is written.
type Event struct {
	// Type is Normal or Warning.
	Type string
	// Reason is the reason of the condition, or names what was created.
	Reason string
	// Note is a message for users, of at most MaxNote bytes.
	Note string
}

// MaxNote is the maximum length of a note in bytes. The API server accepts 1024.
const MaxNote = 1000

// Note shortens a message for an event. The condition has the complete message.
func Note(message string) string { return truncate.Text(message, MaxNote) }

// EventOf returns the event for a condition: a warning unless the run has succeeded.
func EventOf(c *metav1.Condition) Event {
	kind := corev1.EventTypeWarning
	if c.Status == metav1.ConditionTrue {
		kind = corev1.EventTypeNormal
	}
	return Event{kind, c.Reason, Note(c.Message)}
}

// The reasons of the events for the end of a run. Clients match on them, and not on the reason of the condition.
const (
	EndSucceeded = "Succeeded"
	EndFailed    = "Failed"
)

// EndOf returns the event for the condition of an ended run, in the words of the public API. The note of a failure begins with
// the reason of the condition if that says more.
func EndOf(c *metav1.Condition) Event {
	if c.Status == metav1.ConditionTrue {
		return Event{corev1.EventTypeNormal, EndSucceeded, Note(c.Message)}
	}
	message := c.Message
	if c.Reason != EndFailed {
		message = c.Reason + ": " + message
	}
	return Event{corev1.EventTypeWarning, EndFailed, Note(message)}
}

// SameReport reports whether two conditions have the same status, reason and message. Before may be nil.
func SameReport(before, after *metav1.Condition) bool {
	return before != nil && before.Status == after.Status && before.Reason == after.Reason && before.Message == after.Message
}

// Stored returns the length in bytes of a run that is stored with a status.
func (k Kind[R, S]) Stored(run R, status S) int { return objectsize.Stored(k.With(run, status)) }

// Fit returns a status with which the run can be stored: the status itself, the lean one, or that of a run that failed
// because it is too large. In the last case oversize is true. Otherwise etcd would refuse the object and the run would never
// end.
func (k Kind[R, S]) Fit(run R, status S, now metav1.Time) (fitting S, oversize bool) {
	encoded := k.Stored(run, status)
	if encoded <= objectsize.Limit {
		return status, false
	}
	if lean := k.Lean(status); k.Stored(run, lean) <= objectsize.Limit {
		return lean, false
	}
	cause := fmt.Sprintf("the %s with its results has %d bytes when encoded as JSON, more than the limit of %d "+
		"(1.5 MiB for one object, less %d for the API server); %s; %s",
		k.Name, encoded, objectsize.Limit, objectsize.Reserve, objectsize.Largest("results", k.Results(status)), k.TooLargeHint)
	return k.EndBare(status, k.TooLarge, cause, now), true
}

// EndBare returns the status of a run that ends for a cause, without its results. If the run has already failed, its reason
// and message stay, and the cause follows them.
func (k Kind[R, S]) EndBare(status S, reason, cause string, now metav1.Time) S {
	ended := k.Bare(status)
	if c := k.Fields(&ended).Condition(); c != nil && c.Status == metav1.ConditionFalse {
		reason, cause = c.Reason, c.Message+"; "+cause
	}
	k.end(&ended, reason, cause, now)
	return ended
}

// end marks a status as failed.
func (k Kind[R, S]) end(status *S, reason, message string, now metav1.Time) {
	f := k.Fields(status)
	if *f.Start == nil {
		*f.Start = &now
	}
	*f.Completion = &now
	f.SetCondition(v1.Failed(reason, message), now)
	if k.Finish != nil {
		k.Finish(status, reason, now)
	}
}

// cuts returns functions for the replacement of a refused status. Each returns a smaller status than the previous one.
func (k Kind[R, S]) cuts(now metav1.Time) []func(S, Refusal) S {
	refused := func(status S, why Refusal) S {
		if !why.TooLarge() {
			return k.EndBare(status, k.Refused, why.String()+"; "+k.RefusedHint, now)
		}
		return k.EndBare(status, k.TooLarge, why.String()+"; "+objectsize.Largest("parts", k.Parts(status))+"; "+k.TooLargeHint, now)
	}
	return []func(S, Refusal) S{
		refused,
		func(status S, why Refusal) S { return k.Outline(refused(status, why)) },
		func(status S, why Refusal) S { return k.outcome(refused(status, why), now) },
	}
}

// outcome returns a status with only the outcome of another. Its message is short enough for a full object.
func (k Kind[R, S]) outcome(status S, now metav1.Time) S {
	var least S
	from, to := k.Fields(&status), k.Fields(&least)
	*to.Start, *to.Completion = *from.Start, *from.Completion
	c := from.Condition()
	to.SetCondition(v1.Failed(c.Reason, Brief(c.Message)), now)
	return least
}
