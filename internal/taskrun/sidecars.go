package taskrun

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
)

// sidecarMessages describes the failed sidecars of the task. The steps may succeed without them, so there may be no other
// report of it.
func sidecarMessages(p *corev1.Pod) []string {
	if p == nil {
		return nil
	}
	var messages []string
	for _, end := range pod.SidecarFailures(p) {
		messages = append(messages, end.Message)
	}
	return messages
}

// sidecarOutOfMemory reports whether a sidecar used more memory than its limit.
func sidecarOutOfMemory(p *corev1.Pod) bool {
	return p != nil && slices.ContainsFunc(pod.SidecarFailures(p), func(end pod.SidecarExit) bool { return end.OutOfMemory })
}
