package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// StepStatuses returns what the pod's kubelet says of the steps' containers, in the order of the steps. The kubelet
// gives the statuses in an order of its own, and none of a container that it has not looked at yet; such a one is empty.
func StepStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, isStep)
}

// CarrierStatuses returns what the kubelet says of the containers that carry the results, as StepStatuses does.
func CarrierStatuses(p *corev1.Pod) []corev1.ContainerStatus {
	return statuses(p, func(container string) bool { return !isStep(container) })
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
