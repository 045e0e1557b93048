package v1

import (
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConditionSucceeded is the type of the condition that every run has. It is the first one in the list, for clients
// that read only the first.
const ConditionSucceeded = "Succeeded"

// ConditionSignedResults is the type of a condition of a TaskRun that has ended: whether its results are those that
// its steps signed. Only runs whose results must be signed have it.
const ConditionSignedResults = "SignedResultsVerified"

// ConditionTrustedResources is the type of a condition of a run: whether the definitions that resolvers found for it have valid
// signatures. Only runs to which a VerificationPolicy applies, or a setting for definitions without one, have it.
const ConditionTrustedResources = "TrustedResourcesVerified"

// ConditionStartFailure is True for a PipelineRun that continues although one of its tasks could not start. Its
// reason and message are those with which the run will fail. A run that has ended does not have this condition.
const ConditionStartFailure = "sluice.dev/StartFailure"

// maxConditionMessage is the longest condition message that the API accepts, in bytes.
const maxConditionMessage = 32768

// Running returns the Succeeded condition of a run that has not ended.
func Running(reason, message string) metav1.Condition {
	return succeeded(metav1.ConditionUnknown, reason, message)
}

// Succeeded returns the Succeeded condition of a run that succeeded.
func Succeeded(message string) metav1.Condition {
	return succeeded(metav1.ConditionTrue, TaskRunReasonSucceeded, message)
}

// Completed returns the Succeeded condition of a PipelineRun that succeeded with some of its tasks skipped.
func Completed(message string) metav1.Condition {
	return succeeded(metav1.ConditionTrue, PipelineRunReasonCompleted, message)
}

// Failed returns the Succeeded condition of a run that failed: one of the reasons of this package, and a message that
// names the cause.
func Failed(reason, message string) metav1.Condition {
	return succeeded(metav1.ConditionFalse, reason, message)
}

// SignedResults returns the SignedResultsVerified condition. If verified is false, reason and message state why the
// results are not those that the steps signed.
func SignedResults(verified bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if verified {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: ConditionSignedResults, Status: status, Reason: reason, Message: clip(message)}
}

// TrustedResources returns the TrustedResourcesVerified condition. If verified is false, the message says which definition has
// no valid signature, and why.
func TrustedResources(verified bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if verified {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: ConditionTrustedResources, Status: status, Reason: reason, Message: clip(message)}
}

// StartFailure returns the condition of a PipelineRun that continues although one of its tasks could not start.
func StartFailure(reason, message string) metav1.Condition {
	return metav1.Condition{Type: ConditionStartFailure, Status: metav1.ConditionTrue, Reason: reason, Message: clip(message)}
}

func succeeded(status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: ConditionSucceeded, Status: status, Reason: reason, Message: clip(message)}
}

// clip cuts a message to the length that the API accepts, and marks the cut.
func clip(message string) string {
	const mark = " … (cut)"
	message = strings.ToValidUTF8(message, "\uFFFD")
	if len(message) <= maxConditionMessage {
		return message
	}
	cut := maxConditionMessage - len(mark)
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + mark
}

// Condition returns the run's Succeeded condition, or nil for a run that the controller has not acted on.
func (s *TaskRunStatus) Condition() *metav1.Condition {
	return meta.FindStatusCondition(s.Conditions, ConditionSucceeded)
}

// SetCondition sets the condition that has the type of c. The transition time changes only when the status does.
func (s *TaskRunStatus) SetCondition(c metav1.Condition, now metav1.Time) {
	setCondition(&s.Conditions, c, now)
}

// Done reports whether the run has ended, with success or with failure.
func (s *TaskRunStatus) Done() bool { return ended(s.Condition()) }

// Condition returns the run's Succeeded condition, or nil for a run that the controller has not acted on.
func (s *PipelineRunStatus) Condition() *metav1.Condition {
	return meta.FindStatusCondition(s.Conditions, ConditionSucceeded)
}

// SetCondition sets the condition that has the type of c. The transition time changes only when the status does.
func (s *PipelineRunStatus) SetCondition(c metav1.Condition, now metav1.Time) {
	setCondition(&s.Conditions, c, now)
}

// Done reports whether the run has ended, with success or with failure.
func (s *PipelineRunStatus) Done() bool { return ended(s.Condition()) }

func setCondition(conditions *[]metav1.Condition, c metav1.Condition, now metav1.Time) {
	c.LastTransitionTime = now
	meta.SetStatusCondition(conditions, c)
}

func ended(c *metav1.Condition) bool { return c != nil && c.Status != metav1.ConditionUnknown }
