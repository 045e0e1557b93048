package pipelinerun

import (
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// reasonTaskRunCreated is that of the event which tells of a new TaskRun.
const reasonTaskRunCreated = "TaskRunCreated"

// Event is something that has happened to a run. It is a value until the status that tells of it is written.
type Event struct {
	// Type is Normal or Warning.
	Type string
	// Reason is that of the condition, or TaskRunCreated.
	Reason string
	// Note is for people.
	Note string
}

// eventsFor tells what has changed between two statuses: the start, each TaskRun, and the end.
func eventsFor(before, after v1.PipelineRunStatus) []Event {
	var events []Event
	if before.StartTime == nil && after.StartTime != nil && !after.Done() {
		events = append(events, Event{corev1.EventTypeNormal, v1.PipelineRunReasonStarted, "Started the run"})
	}
	known := make(map[string]bool, len(before.ChildReferences))
	for i := range before.ChildReferences {
		known[before.ChildReferences[i].Name] = true
	}
	for i := range after.ChildReferences {
		if child := &after.ChildReferences[i]; !known[child.Name] {
			note := "Created TaskRun " + child.Name + " for task " + child.PipelineTaskName
			events = append(events, Event{corev1.EventTypeNormal, reasonTaskRunCreated, note})
		}
	}
	if !before.Done() && after.Done() {
		c := after.Condition()
		kind := corev1.EventTypeNormal
		if c.Status == metav1.ConditionFalse {
			kind = corev1.EventTypeWarning
		}
		events = append(events, Event{kind, c.Reason, short(c.Message)})
	}
	return events
}

// short keeps a note within the 1024 bytes that an event may have; the condition has the whole.
func short(message string) string {
	const limit = 1000
	if len(message) <= limit {
		return message
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + "…"
}
