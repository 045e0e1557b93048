package v1

import (
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConditionSucceeded is the condition that every run has; those who look at the first one only find it there.
const ConditionSucceeded = "Succeeded"

// ConditionSignedResults says of a TaskRun that has ended whether its results are those that its steps signed. It is there
// where results were to be signed, and nowhere else.
const ConditionSignedResults = "SignedResultsVerified"

// ConditionStartFailure is True for a PipelineRun that continues although one of its tasks could not start. Its reason and its
// message are those with which the run will fail. A run that has ended does not have this condition.
const ConditionStartFailure = "sluice.dev/StartFailure"

// maxConditionMessage is the longest condition message that the API accepts, in bytes.
const maxConditionMessage = 32768

// Running is the condition of a run that goes on.
func Running(reason, message string) metav1.Condition {
	return succeeded(metav1.ConditionUnknown, reason, message)
}

// Succeeded is the condition of a run that ended well.
func Succeeded(message string) metav1.Condition {
	return succeeded(metav1.ConditionTrue, TaskRunReasonSucceeded, message)
}

// Completed is the condition of a PipelineRun of which every task that was to run succeeded, while others were skipped.
func Completed(message string) metav1.Condition {
	return succeeded(metav1.ConditionTrue, PipelineRunReasonCompleted, message)
}

// Failed is the condition of a run that ended otherwise, with one of the reasons of this package and a message that
// names what was wrong.
func Failed(reason, message string) metav1.Condition {
	return succeeded(metav1.ConditionFalse, reason, message)
}

// SignedResults is the condition of a run whose results were to be signed. reason and message say why they are not those
// that the steps signed, if they are not.
func SignedResults(verified bool, reason, message string) metav1.Condition {
	status := metav1.ConditionFalse
	if verified {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: ConditionSignedResults, Status: status, Reason: reason, Message: clip(message)}
}

// StartFailure is the condition of a PipelineRun that continues although one of its tasks could not start.
func StartFailure(reason, message string) metav1.Condition {
	return metav1.Condition{Type: ConditionStartFailure, Status: metav1.ConditionTrue, Reason: reason, Message: clip(message)}
}

func succeeded(status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: ConditionSucceeded, Status: status, Reason: reason, Message: clip(message)}
}

// clip keeps a message within what the API accepts, saying so where it cut.
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

// Condition returns the run's Succeeded condition, or nil while nothing has acted on it.
func (s *TaskRunStatus) Condition() *metav1.Condition {
	return meta.FindStatusCondition(s.Conditions, ConditionSucceeded)
}

// SetCondition sets the condition of its type. Its transition time changes only when its status does.
func (s *TaskRunStatus) SetCondition(c metav1.Condition, now metav1.Time) {
	setCondition(&s.Conditions, c, now)
}

// Done reports whether the run has ended, well or not.
func (s *TaskRunStatus) Done() bool { return ended(s.Condition()) }

// Condition returns the run's Succeeded condition, or nil while nothing has acted on it.
func (s *PipelineRunStatus) Condition() *metav1.Condition {
	return meta.FindStatusCondition(s.Conditions, ConditionSucceeded)
}

// SetCondition sets the Succeeded condition. Its transition time changes only when its status does.
func (s *PipelineRunStatus) SetCondition(c metav1.Condition, now metav1.Time) {
	setCondition(&s.Conditions, c, now)
}

// Done reports whether the run has ended, well or not.
func (s *PipelineRunStatus) Done() bool { return ended(s.Condition()) }

func setCondition(conditions *[]metav1.Condition, c metav1.Condition, now metav1.Time) {
	c.LastTransitionTime = now
	meta.SetStatusCondition(conditions, c)
}

func ended(c *metav1.Condition) bool { return c != nil && c.Status != metav1.ConditionUnknown }
