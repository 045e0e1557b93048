package pipelinerun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// customRunMessage returns the message of a CustomRun that is stopped for this cause. Tekton names the kind in it, and clients
// compare it.
func customRunMessage(cause v1.TaskRunSpecStatusMessage) string {
	switch cause {
	case v1.TaskRunCancelledByPipelineRun:
		return v1beta1.CustomRunCancelledByPipelineRun
	case v1.TaskRunTimedOutByPipelineRun:
		return v1beta1.CustomRunTimedOutByPipelineRun
	default:
		return string(cause)
	}
}

// causeOf returns why a child was stopped, based on the message that it has: that of its kind, or the one that earlier versions
// wrote, because a run can be under way while the controller is upgraded. It returns any other message as it is.
func causeOf(message string) v1.TaskRunSpecStatusMessage {
	switch message {
	case v1beta1.CustomRunCancelledByPipelineRun, "cancelled: the PipelineRun that it belongs to was cancelled":
		return v1.TaskRunCancelledByPipelineRun
	case v1beta1.CustomRunTimedOutByPipelineRun, "cancelled: the PipelineRun that it belongs to has timed out":
		return v1.TaskRunTimedOutByPipelineRun
	default:
		return v1.TaskRunSpecStatusMessage(message)
	}
}
