package metrics

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// reasonOther stands for a reason that this version does not know: another controller may have written it.
const reasonOther = "other"

// reasonOf returns the reason of a condition if it is one of api/v1/reasons.go, and reasonOther if not.
func reasonOf(c *metav1.Condition) string {
	if c == nil || !known(c.Reason) {
		return reasonOther
	}
	return c.Reason
}

// known reports whether a reason is one of api/v1/reasons.go. A test checks that none is missing.
func known(reason string) bool {
	return ofTaskRun(reason) || ofResults(reason) || ofPipelineRun(reason)
}

func ofTaskRun(reason string) bool {
	switch reason {
	case v1.TaskRunReasonStarted, v1.TaskRunReasonPending, v1.TaskRunReasonHeld, v1.TaskRunReasonRunning,
		v1.TaskRunReasonSucceeded, v1.TaskRunReasonFailed, v1.TaskRunReasonFailureIgnored,
		v1.TaskRunReasonTimedOut, v1.TaskRunReasonImagePullFailed, v1.TaskRunReasonValidationFailed, v1.TaskRunReasonResolutionFailed,
		v1.TaskRunReasonPodCreationFailed, v1.TaskRunReasonPodEvicted, v1.TaskRunReasonPodDeleted, v1.TaskRunReasonStepOOM,
		v1.TaskRunReasonSidecarOOM, v1.TaskRunReasonCancelled, v1.TaskRunReasonToBeRetried, v1.TaskRunReasonExceededResourceQuota,
		v1.TaskRunReasonExceededNodeResources, v1.TaskRunReasonPullImageFailed, v1.TaskRunReasonContainerConfigError,
		v1.TaskRunReasonClaimCreationFailed, v1.TaskRunReasonInternalError, v1.TaskRunReasonStatusRefused,
		v1.TaskRunReasonPodAdmissionFailed, v1.TaskRunReasonInvalidParamValue, v1.TaskRunReasonInitContainerFailed,
		v1.TaskRunReasonInitContainerOOM, v1.TaskRunReasonResolvingTaskRef, v1.TaskRunReasonResolvingStepActionRef,
		v1.TaskRunReasonResourceVerificationFailed:
		return true
	default:
		return false
	}
}

func ofResults(reason string) bool {
	switch reason {
	case v1.TaskRunReasonResultTooLarge, v1.TaskRunReasonResultsUnavailable, v1.TaskRunReasonResultNotUTF8,
		v1.TaskRunReasonResultUnreadable, v1.TaskRunReasonResultsLogAccessDenied, v1.PipelineRunReasonResultTooLarge,
		v1.TaskRunReasonResultsVerificationFailed, v1.TaskRunReasonResultsSigningUnavailable:
		return true
	default:
		return false
	}
}

func ofPipelineRun(reason string) bool {
	switch reason {
	case v1.PipelineRunReasonPending, v1.PipelineRunReasonResolvingPipelineRef,
		v1.PipelineRunReasonStopping, v1.PipelineRunReasonCancelledRunningFinally,
		v1.PipelineRunReasonStoppedRunningFinally, v1.PipelineRunReasonCompleted, v1.PipelineRunReasonCancelled,
		v1.PipelineRunReasonTimedOut, v1.PipelineRunReasonCreateRunFailed, v1.PipelineRunReasonInvalidTaskRunSpecs,
		v1.PipelineRunReasonCouldntGetPipeline, v1.PipelineRunReasonCouldntGetTask, v1.PipelineRunReasonParameterMissing,
		v1.PipelineRunReasonParameterTypeMismatch, v1.PipelineRunReasonInvalidParamValue, v1.PipelineRunReasonInvalidGraph,
		v1.PipelineRunReasonInvalidTaskResultReference, v1.PipelineRunReasonValidationFailed,
		v1.PipelineRunReasonTimedOutRunningFinally, v1.PipelineRunReasonObjectParameterMissKeys,
		v1.PipelineRunReasonParamArrayIndexingInvalid, v1.PipelineRunReasonInvalidMatrixParameterTypes,
		v1.PipelineRunReasonInvalidWorkspaceBindings, v1.PipelineRunReasonCELEvaluationFailed,
		v1.PipelineRunReasonInvalidPipelineResultReference, v1.PipelineRunReasonCouldntGetPipelineResult:
		return true
	default:
		return false
	}
}
