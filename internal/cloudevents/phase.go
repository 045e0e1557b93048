package cloudevents

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Phase is a part of the life of a run. An event is sent when one begins.
type Phase string

// The phases, with the names that they have in the types of Tekton's events.
const (
	// Queued: the run exists, and the controller has not acted on it.
	Queued Phase = "queued"
	// Started: the controller has begun to work on the run.
	Started Phase = "started"
	// Running: the condition of the run has the reason Running. Each change of its message is one more event.
	Running Phase = "running"
	// Unknown: the run has not ended, and its condition has another reason, such as Pending.
	Unknown Phase = "unknown"
	// Successful and Failed: the run has ended.
	Successful Phase = "successful"
	Failed     Phase = "failed"
)

// end reports whether no phase follows.
func (p Phase) end() bool { return p == Successful || p == Failed }

// valid reports whether the phase is one of the constants.
func (p Phase) valid() bool {
	switch p {
	case Queued, Started, Running, Unknown, Successful, Failed:
		return true
	}
	return false
}

// eventType returns the type of the event for a phase of a kind of run.
func eventType(kind string, p Phase) string {
	return "dev.tekton.event." + strings.ToLower(kind) + "." + string(p) + ".v1"
}

// phases returns the phases that begin when the condition of a run changes, in order. Before is nil for a run on which the controller
// has not acted yet. A run whose user holds it has not started.
func phases(before, after *metav1.Condition) []Phase {
	if after == nil || before != nil && (before.Status != metav1.ConditionUnknown || same(before, after)) {
		return nil
	}
	var all []Phase
	if before == nil {
		all = append(all, Queued)
	}
	starts := (before == nil || held(before)) && !held(after)
	if starts {
		all = append(all, Started)
	}
	switch {
	case after.Status == metav1.ConditionTrue:
		return append(all, Successful)
	case after.Status == metav1.ConditionFalse:
		return append(all, Failed)
	case after.Reason == v1.TaskRunReasonRunning:
		return append(all, Running)
	case starts:
		return all
	default:
		return append(all, Unknown)
	}
}

func same(a, b *metav1.Condition) bool {
	return a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message
}

func held(c *metav1.Condition) bool {
	return c.Reason == v1.TaskRunReasonHeld || c.Reason == v1.PipelineRunReasonPending
}
