package taskrun

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// reasonEvicted is the reason of the kubelet in the status of an evicted pod.
const reasonEvicted = "Evicted"

// reasonPodGC is the reason of the condition DisruptionTarget in a pod whose node is gone.
const reasonPodGC = "DeletionByPodGC"

// disruptionOf returns the reason and message of a step that ended because its pod is being removed; both are empty for any
// other step. The exit code 143 of a step does not show that the node was drained. A kubelet that evicts a pod ends all of
// its steps, in whatever way.
func disruptionOf(p *corev1.Pod, step frame.Step) (reason, message string) {
	if !evictedByKubelet(p) && step.Reason != frame.ReasonCancelled && step.Reason != frame.ReasonUnfinished {
		return "", ""
	}
	return disruption(p)
}

// evictedByKubelet reports whether a pod's status says so; eviction through the API has a separate condition.
func evictedByKubelet(p *corev1.Pod) bool { return p != nil && p.Status.Reason == reasonEvicted }

// disruption returns the reason and message of a pod that another component ends; both are empty for any other pod.
func disruption(p *corev1.Pod) (reason, message string) {
	switch {
	case p == nil:
		return "", ""
	case evictedByKubelet(p):
		return v1.TaskRunReasonPodEvicted, evicted(p, p.Status.Message)
	case p.DeletionTimestamp == nil:
		return "", ""
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return v1.TaskRunReasonPodEvicted, evicted(p, words(c.Reason, c.Message))
		}
	}
	return v1.TaskRunReasonPodDeleted, fmt.Sprintf("pod %q was deleted before that", p.Name)
}

// evicted returns a message about the eviction of a pod, with the cause if it is known.
func evicted(p *corev1.Pod, why string) string {
	message := fmt.Sprintf("pod %q was evicted before that", p.Name)
	if why == "" {
		return message
	}
	return message + ": " + why
}

// endedBySignal reports whether a container's exit code is one that the kubelet causes when it stops a container: 128 plus
// SIGTERM or SIGKILL.
func endedBySignal(exitCode int32) bool { return exitCode == 143 || exitCode == killedExitCode }
