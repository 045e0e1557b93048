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

// endedUnrun reports whether the node of the pod has ended it without having created the container of a step. A kubelet reports the end
// of a pod after its last container has ended, and for each step that there is no container: it waits, or could not be located. The
// cluster also marks pods as failed that a node does not answer for, so the report must be newer than the deletion of the pod. A pod
// that the kubelet has evicted needs no deletion. One that it does not admit, when it is restarted, has no states of containers.
func endedUnrun(p *corev1.Pod) bool {
	if !podEnded(p) || slices.ContainsFunc(containersOf(p).steps, func(s corev1.ContainerStatus) bool { return !neverCreated(s) }) {
		return false
	}
	if p.DeletionTimestamp == nil {
		return evictedByKubelet(p)
	}
	return p.Generation > 0 && p.Status.ObservedGeneration >= p.Generation // a deletion changes the generation
}

// neverCreated reports whether a status shows that the kubelet has created no such container.
func neverCreated(s corev1.ContainerStatus) bool {
	return s.ContainerID == "" && s.RestartCount == 0 && s.LastTerminationState.Terminated == nil &&
		(s.State.Waiting != nil || pod.Unlocated(s))
}

// stepSeen reports whether the status of a pod shows that a step has started.
func stepSeen(p *corev1.Pod) bool {
	return slices.ContainsFunc(containersOf(p).steps, func(s corev1.ContainerStatus) bool {
		return hasStarted(s) && !pod.Unlocated(s) || s.ContainerID != "" || s.RestartCount > 0 || s.LastTerminationState.Terminated != nil
	})
}
