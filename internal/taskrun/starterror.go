package taskrun

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// unstarted returns which of a pod's containers was never started, and why; empty if all were.
func unstarted(statuses []corev1.ContainerStatus) string {
	for _, s := range statuses {
		if t := s.State.Terminated; t != nil && pod.NeverStarted(t) {
			return endOf(&s)
		}
	}
	return ""
}

// endOf describes in the kubelet's words how a container without a record ended.
func endOf(s *corev1.ContainerStatus) string {
	t := s.State.Terminated
	said := ""
	if message := strings.TrimSpace(t.Message); message != "" && !pod.LeftMessage(t) {
		said = ": " + message
	}
	if pod.NeverStarted(t) {
		return fmt.Sprintf("container %q could not be started%s (%s)", s.Name, said, t.Reason)
	}
	return fmt.Sprintf("container %q exited with code %d (%s) and left no record of its step%s", s.Name, t.ExitCode, t.Reason, said)
}

// cutShortBy returns the step without a record that is the cause of its end, or of another step's; nil if there is none. Later
// steps would have waited forever, and were ended.
func cutShortBy(p *corev1.Pod, step frame.Step) *corev1.ContainerStatus {
	if p == nil {
		return nil
	}
	switch step.Reason {
	case frame.ReasonCancelled, frame.ReasonUnfinished, frame.ReasonLost:
		return containersOf(p).recordless()
	default:
		return nil
	}
}
