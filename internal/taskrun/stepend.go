package taskrun

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// The reasons of the kubelet for the normal ends of a container.
const (
	containerCompleted = "Completed"
	containerError     = "Error"
)

// merge replaces the container's state by the step's own record. A record without its own exit code (the step was lost, or
// its end was not seen) keeps that of the container.
func merge(state *v1.StepState, record frame.Step) {
	state.TerminationReason = terminationReason(record, state.Terminated)
	unknown := record.Reason == frame.ReasonLost || record.Reason == frame.ReasonUnfinished
	if unknown && state.Terminated != nil {
		return
	}
	terminated := &corev1.ContainerStateTerminated{
		ExitCode:   int32(record.ExitCode), //nolint:gosec // exit codes are 0 to 255, or -1
		Reason:     terminatedReason(record),
		StartedAt:  metav1.NewTime(record.StartedAt),
		FinishedAt: metav1.NewTime(record.FinishedAt),
	}
	if state.Terminated != nil {
		terminated.ContainerID = state.Terminated.ContainerID
		if state.Terminated.Reason == pod.ReasonOOMKilled {
			terminated.Reason = state.Terminated.Reason
		}
	} else if state.Running != nil && record.StartedAt.IsZero() {
		terminated.StartedAt = state.Running.StartedAt
	}
	state.ContainerState = corev1.ContainerState{Terminated: terminated}
}

// terminationReason returns the value of status.steps[].terminationReason for a record, in the words of the public API. Seen is
// what the kubelet reports of the container; nil before that. The message of the
// run names a cause for which the public API has no word.
func terminationReason(record frame.Step, seen *corev1.ContainerStateTerminated) string {
	switch record.Reason {
	case frame.ReasonCompleted, frame.ReasonContinued, frame.ReasonSkipped, frame.ReasonTimedOut, frame.ReasonCancelled:
		return string(record.Reason)
	default:
		return containerReason(record, seen)
	}
}

// containerReason returns the reason of a step for whose end the public API has no word.
func containerReason(record frame.Step, seen *corev1.ContainerStateTerminated) string {
	switch {
	case seen != nil && seen.Reason == pod.ReasonOOMKilled:
		return seen.Reason
	case record.Reason == frame.ReasonUnfinished && seen == nil:
		return terminationUnfinished
	case record.Reason == frame.ReasonUnfinished, record.Reason == frame.ReasonLost && seen != nil:
		return seen.Reason
	default:
		return containerError
	}
}

// terminatedReason returns the kubelet's word for such an end. The container of a step after which the task continues has
// ended with exit code 0, whatever the code of its command.
func terminatedReason(record frame.Step) string {
	if record.ExitCode == 0 || record.Reason == frame.ReasonContinued {
		return containerCompleted
	}
	return containerError
}
