package taskrun

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
)

// neverRan reports whether the last state of a pod proves that no step of it has run.
func neverRan(p *corev1.Pod) bool {
	if p.Spec.NodeName == "" {
		return !stepSeen(p)
	}
	return endedUnrun(p)
}

// endedUnrun reports whether the kubelet has ended the pod and says that no step has run: it has no container for any step, or an init
// container failed before them. That a step waits is enough only in a pod that the kubelet itself has evicted. The garbage collector of the
// cluster marks a pod as failed whose node does not answer, and leaves the states of its containers as they were. A kubelet that is
// restarted, and does not admit the pod again, drops them.
func endedUnrun(p *corev1.Pod) bool {
	if !podEnded(p) || stepSeen(p) {
		return false
	}
	evicted := evictedByKubelet(p)
	unknown := func(s corev1.ContainerStatus) bool { return !pod.Unlocated(s) && (s.State.Waiting == nil || !evicted) }
	return !slices.ContainsFunc(containersOf(p).steps, unknown) ||
		failedForGood(p) || slices.ContainsFunc(p.Status.InitContainerStatuses, pod.Unlocated)
}

// removedUnrun reports whether another component removes the pod, or has evicted it, and the kubelet says that no step has run.
func removedUnrun(p *corev1.Pod) bool {
	return p != nil && (p.DeletionTimestamp != nil || evictedByKubelet(p)) && endedUnrun(p)
}

// stepSeen reports whether the status of a pod shows that a step may have started.
func stepSeen(p *corev1.Pod) bool {
	return slices.ContainsFunc(containersOf(p).steps, func(s corev1.ContainerStatus) bool {
		return hasStarted(s) && !pod.Unlocated(s) || s.ContainerID != "" || s.RestartCount > 0 || s.LastTerminationState.Terminated != nil
	})
}
