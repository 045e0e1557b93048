package taskrun

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Event is something that has happened to a run. It is a value until the status that tells of it is written.
type Event struct {
	// Type is Normal or Warning.
	Type string
	// Reason is that of the condition.
	Reason string
	// Note is for people.
	Note string
}

// eventsFor tells what has changed between two statuses: a start, a hindrance, a new attempt, and an end. That a run goes
// on as it should is no event.
func eventsFor(before, after v1.TaskRunStatus) []Event {
	var events []Event
	if after.PodName != "" && before.PodName != after.PodName {
		events = append(events, Event{corev1.EventTypeNormal, v1.TaskRunReasonStarted, "Created pod " + after.PodName})
	}
	if signed := signedResults(after); signed != nil && signed.Status == metav1.ConditionFalse && !said(signedResults(before), signed) {
		events = append(events, Event{corev1.EventTypeWarning, signed.Reason, short(signed.Message)})
	}
	c := after.Condition()
	if c == nil || plain(c.Message) || said(before.Condition(), c) {
		return events
	}
	kind := corev1.EventTypeWarning
	if c.Status == metav1.ConditionTrue {
		kind = corev1.EventTypeNormal
	}
	return append(events, Event{kind, c.Reason, short(c.Message)})
}

// signedResults is the condition of a run whose results were to be signed, and nil for others.
func signedResults(status v1.TaskRunStatus) *metav1.Condition {
	return meta.FindStatusCondition(status.Conditions, v1.ConditionSignedResults)
}

// said reports whether a condition tells nothing new.
func said(before, after *metav1.Condition) bool {
	return before != nil && before.Status == after.Status && before.Reason == after.Reason && before.Message == after.Message
}

// short keeps a note within the 1024 bytes that an event may have; the condition has the whole.
func short(message string) string {
	const limit = 1000
	if len(message) <= limit {
		return message
	}
	cut := limit
	for cut > 0 && message[cut]&0xC0 == 0x80 {
		cut--
	}
	return message[:cut] + "…"
}
