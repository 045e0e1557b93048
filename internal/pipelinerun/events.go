package pipelinerun

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// created is the end of the reason of the event for a new child, behind its kind: TaskRunCreated, CustomRunCreated.
const created = "Created"

// reasonNotLabeled is the reason of the event about labels that the API server refuses. A TaskRun has the same.
const reasonNotLabeled = "NotLabelled"

// The reasons of warnings about results that are absent from a run that continues, or that succeeds.
const (
	// reasonNotWritten: a result of the pipeline is absent because its task succeeded and did not write it.
	reasonNotWritten = "ResultNotWritten"
	// reasonShorter: a list lacks values of a matrix, whose children did not all write the result.
	reasonShorter = "MatrixResultShorter"
)

// warn emits the warnings of a reconcile whose status is stored.
func (r *Reconciler) warn(pr *v1.PipelineRun, found report) {
	emit := func(reason string, sentences []string) {
		for _, s := range sentences[:min(len(sentences), maxSentences)] {
			r.Recorder.Eventf(pr, nil, corev1.EventTypeWarning, reason, "Reconcile", "%s", reconcile.Note(s))
		}
	}
	emit(reasonNotWritten, found.unwritten)
	emit(reasonShorter, found.shorter)
}

// eventsFor returns the events of a change between two statuses: the start, each child, that its tasks run, a
// panic, and the end.
func eventsFor(before, after v1.PipelineRunStatus) []reconcile.Event {
	var events []reconcile.Event
	if before.StartTime == nil && after.StartTime != nil && !after.Done() {
		events = append(events, normal(v1.PipelineRunReasonStarted, "Started the run"))
	}
	known := make(map[string]bool, len(before.ChildReferences))
	for i := range before.ChildReferences {
		known[childKey(before.ChildReferences[i].Kind, before.ChildReferences[i].Name)] = true
	}
	for i := range after.ChildReferences {
		if child := &after.ChildReferences[i]; !known[childKey(child.Kind, child.Name)] {
			note := "Created " + child.Kind + " " + child.Name + " for task " + child.PipelineTaskName
			events = append(events, normal(child.Kind+created, note))
		}
	}
	c := after.Condition()
	if was := before.Condition(); runs(c) && !runs(was) {
		events = append(events, normal(v1.PipelineRunReasonRunning, c.Message))
	}
	panicked := c != nil && c.Reason == v1.PipelineRunReasonInternalError && !reconcile.SameReport(before.Condition(), c)
	switch {
	case !before.Done() && after.Done():
		return append(events, reconcile.EndOf(c))
	case panicked:
		return append(events, reconcile.EventOf(c))
	default:
		return events
	}
}

// runs reports whether a condition is that of a run whose tasks run.
func runs(c *metav1.Condition) bool {
	return c != nil && c.Status == metav1.ConditionUnknown && c.Reason == v1.PipelineRunReasonRunning
}

func normal(reason, note string) reconcile.Event {
	return reconcile.Event{Type: corev1.EventTypeNormal, Reason: reason, Note: note}
}
