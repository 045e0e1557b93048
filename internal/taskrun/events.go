package taskrun

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// reasonMissingSecret is the reason of the event about secrets that a service account lists but that do not exist.
const reasonMissingSecret = "FailedToRetrieveSecret"

// eventsFor returns the events for the change between two statuses: a start, a wait reason, a new attempt, and an end. Normal
// progress is not an event.
func eventsFor(before, after v1.TaskRunStatus) []reconcile.Event {
	var events []reconcile.Event
	if after.PodName != "" && before.PodName != after.PodName {
		events = append(events, reconcile.Event{
			Type: corev1.EventTypeNormal, Reason: v1.TaskRunReasonStarted, Note: "Created pod " + after.PodName,
		})
	}
	if signed := signedResults(after); signed != nil && signed.Status == metav1.ConditionFalse &&
		!reconcile.SameReport(signedResults(before), signed) {
		events = append(events, reconcile.EventOf(signed))
	}
	c := after.Condition()
	if c == nil || routine(c) || reconcile.SameReport(before.Condition(), c) {
		return events
	}
	if after.Done() {
		return append(events, reconcile.EndOf(c))
	}
	return append(events, reconcile.EventOf(c))
}

// signedResults returns the condition of a run whose results must be signed; nil for others.
func signedResults(status v1.TaskRunStatus) *metav1.Condition {
	return meta.FindStatusCondition(status.Conditions, v1.ConditionSignedResults)
}
