package timeline

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// The keys of attributes. Those of OpenTelemetry are its semantic conventions for CI/CD, containers and Kubernetes; those without
// dots are the ones that Tekton's spans have.
const (
	keyNamespace     = "namespace"
	keyK8sNamespace  = "k8s.namespace.name"
	keyPod           = "k8s.pod.name"
	keyContainer     = "k8s.container.name"
	keyImage         = "container.image.id"
	keyExitCode      = "process.exit.code"
	KeyPipeline      = "cicd.pipeline.name"
	keyPipelineRunID = "cicd.pipeline.run.id"
	keyResult        = "cicd.pipeline.result"
	KeyTask          = "cicd.pipeline.task.name"
	keyTaskRunID     = "cicd.pipeline.task.run.id"
	keyTaskResult    = "cicd.pipeline.task.run.result"
	keyReason        = "sluice.reason"
	KeyMessage       = "sluice.message"
)

// MaxMessage is the maximum length of a message in an attribute, in bytes. The status has the complete one.
const MaxMessage = 500

// run has what the runs of all kinds have.
type run struct {
	kind              Kind
	object            metav1.Object
	condition         *metav1.Condition
	start, completion *metav1.Time
}

// ofRun returns the span of a run without its children. A run whose end is not recorded ends when its condition changed.
func ofRun(r run, now time.Time) Span {
	s := Span{
		Kind: r.kind, Name: r.object.GetName(), UID: r.object.GetUID(), State: stateOf(r.condition),
		Start: firstOf(r.object.GetCreationTimestamp().Time, timeOf(r.start), now), End: now, Open: true,
	}
	if r.condition != nil && r.condition.Status != metav1.ConditionUnknown {
		s.Open = false
		s.End = firstOf(timeOf(r.completion), r.condition.LastTransitionTime.Time, s.Start)
	}
	s.Attributes = text(
		keyNamespace, r.object.GetNamespace(), keyK8sNamespace, r.object.GetNamespace(), string(r.kind), r.object.GetName(),
		keyReason, reasonOf(r.condition), KeyMessage, messageOf(r.condition))
	return s
}

// OfCustomRun returns the timeline of a CustomRun: one span, because its controller says no more.
func OfCustomRun(cr *v1beta1.CustomRun, now time.Time) Span {
	return fitted(ofRun(run{
		kind: CustomRun, object: cr, condition: cr.Status.Condition(), start: cr.Status.StartTime, completion: cr.Status.CompletionTime,
	}, now))
}

// timeOf returns a time of the API; zero if there is none.
func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

func reasonOf(c *metav1.Condition) string {
	if c == nil {
		return ""
	}
	return c.Reason
}

// messageOf returns the message of a failure. That of any other condition is a summary of the run, which the timeline shows.
func messageOf(c *metav1.Condition) string {
	if c == nil || c.Status != metav1.ConditionFalse {
		return ""
	}
	return truncate.Text(c.Message, MaxMessage)
}

// stateOf returns the state for a condition Succeeded; nil: no controller has written it.
func stateOf(c *metav1.Condition) State {
	switch {
	case c == nil:
		return StateWaiting
	case c.Status == metav1.ConditionTrue:
		return StateSucceeded
	case c.Status == metav1.ConditionUnknown:
		return StateRunning
	case cancelled(c.Reason):
		return StateCancelled
	default:
		return StateFailed
	}
}

func cancelled(reason string) bool {
	switch reason {
	case v1.TaskRunReasonCancelled, v1.PipelineRunReasonCancelled, v1beta1.CustomRunReasonCancelled:
		return true
	default:
		return false
	}
}

// resultOf returns the outcome of a run in the words of OpenTelemetry; empty while it has none.
func resultOf(c *metav1.Condition) string {
	switch s := stateOf(c); {
	case s == StateSucceeded:
		return "success"
	case s == StateCancelled:
		return "cancellation"
	case s == StateFailed && (c.Reason == v1.TaskRunReasonTimedOut || c.Reason == v1.PipelineRunReasonTimedOut):
		return "timeout"
	case s == StateFailed:
		return "failure"
	default:
		return ""
	}
}
