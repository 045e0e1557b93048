package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// StepStatuses returns what the pod's kubelet says of the steps' containers, in the order of the steps. The kubelet
// gives the statuses in an order of its own, and none of a container that it has not looked at yet; such a one is empty.
func StepStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, podpaths.IsStep)
}

// TransportStatuses returns what the kubelet says of the container that carries the results, as StepStatuses does; none when
// the pod has no such container. Containers that something else has added to the pod carry nothing.
func TransportStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, func(container string) bool { return container == podpaths.ResultsContainer })
}

// InjectedStatuses returns what the kubelet says of the containers that something else has added to the pod, such as the
// proxy of a service mesh, as StepStatuses does. Native sidecars are init containers, and not among them.
func InjectedStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, func(container string) bool {
		return !podpaths.IsStep(container) && container != podpaths.ResultsContainer
	})
}

// Injected returns the names of all containers that something else has added to the pod, init containers first.
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

// What the kubelet says of a container that ended and left no message: one that could not be started, by the words of two
// runtimes, and one that was not found any more. The message beside it is the kubelet's.
const (
	reasonStartError    = "StartError"
	reasonCannotRun     = "ContainerCannotRun"
	reasonStatusUnknown = "ContainerStatusUnknown"
)

// NeverStarted reports whether a container ended without having been started.
func NeverStarted(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == reasonStartError || t.Reason == reasonCannotRun
}

// LeftMessage reports whether the message of a container's end is one that the container can have left, and not the
// kubelet's.
func LeftMessage(t *corev1.ContainerStateTerminated) bool {
	return !NeverStarted(t) && t.Reason != reasonStatusUnknown
}

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
