package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// StepStatuses returns the statuses of the steps' containers in the order of the steps. The kubelet reports them in another
// order, and none for a container that it has not processed yet; that status is empty.
func StepStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, podpaths.IsStep)
}

// TransportStatuses returns the status of the container that transports the results, as StepStatuses does, or none if the pod
// has no such container. Injected containers transport nothing.
func TransportStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, func(container string) bool { return container == podpaths.ResultsContainer })
}

// InjectedStatuses returns the statuses of injected containers, such as the proxy of a service mesh, as StepStatuses does.
// Native sidecars are init containers, and not among them.
func InjectedStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, func(container string) bool {
		return !podpaths.IsStep(container) && container != podpaths.ResultsContainer
	})
}

// Injected returns the names of all containers that another component has added to the pod, init containers first.
func Injected(p *corev1.Pod) []string {
	var names []string
	for _, c := range p.Spec.InitContainers {
		if _, sidecar := podpaths.SidecarOf(c.Name); !sidecar && c.Name != prepareContainer {
			names = append(names, c.Name)
		}
	}
	for _, c := range p.Spec.Containers {
		if !podpaths.IsStep(c.Name) && c.Name != podpaths.ResultsContainer {
			names = append(names, c.Name)
		}
	}
	return names
}

// The reasons of the kubelet for a container that ended without its own message: one that could not be started, in the words
// of two runtimes, and one that was not found any more. The kubelet wrote the message.
const (
	reasonStartError    = "StartError"
	reasonCannotRun     = "ContainerCannotRun"
	reasonStatusUnknown = "ContainerStatusUnknown"
)

// NeverStarted reports whether a container ended without having been started.
func NeverStarted(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == reasonStartError || t.Reason == reasonCannotRun
}

// LeftMessage reports whether the container can have written the message of its end, and not the kubelet.
func LeftMessage(t *corev1.ContainerStateTerminated) bool {
	return !NeverStarted(t) && t.Reason != reasonStatusUnknown
}

// Unlocated reports whether the kubelet has ended a pod, and had never created this container of it. It reports such a container as
// terminated (TerminatePod in its package status). One that it had created has an ID, or an earlier state, unless a kubelet has dropped
// them because it did not admit the pod again.
func Unlocated(s corev1.ContainerStatus) bool {
	return s.State.Terminated != nil && Unknown(s.State.Terminated) &&
		s.ContainerID == "" && s.RestartCount == 0 && s.LastTerminationState.Terminated == nil
}

// Unknown reports whether the kubelet does not know how a container has ended.
func Unknown(t *corev1.ContainerStateTerminated) bool { return t.Reason == reasonStatusUnknown }

func statuses(p *corev1.Pod, want func(container string) bool) []corev1.ContainerStatus {
	var found []corev1.ContainerStatus
	for _, container := range p.Spec.Containers {
		if !want(container.Name) {
			continue
		}
		i := slices.IndexFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == container.Name })
		if i < 0 {
			found = append(found, corev1.ContainerStatus{Name: container.Name})
		} else {
			found = append(found, p.Status.ContainerStatuses[i])
		}
	}
	return found
}
