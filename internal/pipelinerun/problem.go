package pipelinerun

import (
	"errors"
	"fmt"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/matrix"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Problem is why a run, or one of its tasks, cannot continue.
type Problem struct {
	// Reason is the reason of the condition.
	Reason string
	// Message names what is wrong, and where.
	Message string
	// Task is the task that cannot be started; empty if the problem is of the run.
	Task string
	// SkipReason is why that task is skipped.
	SkipReason string
}

// substitutionProblem returns the problem for an error of a task's values, with the reason of the API.
func substitutionProblem(task string, err error) *Problem {
	reason, skip := v1.PipelineRunReasonInvalidTaskResultReference, v1.SkipReasonUnusableResults
	_, missing := errors.AsType[*substitute.MissingResultError](err)
	switch {
	case missing:
		skip = v1.SkipReasonMissingResults
	case tooLong(err):
		reason, skip = v1.PipelineRunReasonResultTooLarge, v1.SkipReasonTooLargeResults
	case noElement(err):
		reason, skip = v1.PipelineRunReasonParamArrayIndexingInvalid, v1.SkipReasonInvalid
	case ofParam(err):
		reason, skip = v1.PipelineRunReasonValidationFailed, v1.SkipReasonInvalid
	}
	return cannotStart(task, err.Error(), reason, skip)
}

// noElement reports whether an error is about an element that an array param does not have.
func noElement(err error) bool {
	unresolved, ok := errors.AsType[*substitute.UnresolvedError](err)
	if !ok || !ofParam(err) {
		return false
	}
	index, element := strings.CutSuffix(unresolved.Variable, "])")
	return element && strings.ContainsAny(index[len(index)-1:], "0123456789") // a name in brackets ends with a quote
}

// ofParam reports whether an error is about a param, whose value cannot be determined: its defaults refer to each other in a
// circle, for example. No result of a task is concerned.
func ofParam(err error) bool {
	unresolved, ok := errors.AsType[*substitute.UnresolvedError](err)
	return ok && strings.HasPrefix(unresolved.Variable, "$(params")
}

// matrixProblem returns the problem of a task whose matrix has no combinations.
func matrixProblem(task string, err error) *Problem {
	reason := v1.PipelineRunReasonValidationFailed
	if _, ok := errors.AsType[*matrix.TypeError](err); ok {
		reason = v1.PipelineRunReasonInvalidMatrixParameterTypes
	}
	return cannotStart(task, err.Error(), reason, v1.SkipReasonInvalid)
}

// tooLong reports whether values exceed the limit for one task.
func tooLong(err error) bool {
	_, substituted := errors.AsType[*substitute.TooLongError](err)
	_, loaded := errors.AsType[*tooMuchError](err)
	return substituted || loaded
}

// cannotStart returns the problem of a task.
func cannotStart(task, message, reason, skip string) *Problem {
	return &Problem{Task: task, Reason: reason, SkipReason: skip, Message: fmt.Sprintf("task %q cannot start: %s", task, message)}
}

// reasonOfSkip returns the reason of a run in which a task could not start.
func reasonOfSkip(skip string) string {
	switch skip {
	case v1.SkipReasonMissingResults, v1.SkipReasonUnusableResults:
		return v1.PipelineRunReasonInvalidTaskResultReference
	case v1.SkipReasonTooLargeResults:
		return v1.PipelineRunReasonResultTooLarge
	case v1.SkipReasonRefused:
		return v1.PipelineRunReasonCreateRunFailed
	case v1.SkipReasonClaimRefused:
		return v1.PipelineRunReasonClaimCreationFailed
	default:
		return v1.PipelineRunReasonValidationFailed
	}
}
