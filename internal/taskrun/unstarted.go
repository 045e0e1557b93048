package taskrun

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// reasonStartError is what the kubelet says of a container that its runtime could not start.
const reasonStartError = "StartError"

// unstarted says which of a pod's containers was never started, and why; empty when all were.
func unstarted(statuses []corev1.ContainerStatus) string {
	for _, s := range statuses {
		if t := s.State.Terminated; t != nil && t.Reason == reasonStartError {
			return fmt.Sprintf("container %q could not be started: %s", s.Name, t.Message)
		}
	}
	return ""
}

// unstartedBefore says which step was never started, when another one was ended only because that one did not come.
func unstartedBefore(p *corev1.Pod, step frame.Step) string {
	if p == nil || step.Reason != frame.ReasonCancelled && step.Reason != frame.ReasonUnfinished {
		return ""
	}
	return unstarted(containersOf(p).steps)
}
