package taskrun

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// failedInit returns the init container whose failure keeps the steps from starting, and how it ended; or nil. A container that its
// kubelet restarts has failed if the pod has ended, or after maxCrashes restarts.
func failedInit(p *corev1.Pod) (*corev1.ContainerStatus, *corev1.ContainerStateTerminated) {
	for i, s := range p.Status.InitContainerStatuses {
		crashed := restartable(p, s.Name) && s.RestartCount >= maxCrashes
		if native(p, s.Name) || restartable(p, s.Name) && !podEnded(p) && !crashed {
			continue
		}
		if end := endOfInit(s, crashed); end != nil && end.ExitCode != 0 {
			return &p.Status.InitContainerStatuses[i], end
		}
	}
	return nil, nil
}

// initFailed reports whether failedInit finds a container.
func initFailed(p *corev1.Pod) bool {
	s, _ := failedInit(p)
	return s != nil
}

// endOfInit returns how a container has ended; nil if it runs. A container that waits for its next start has ended only if waiting is true.
func endOfInit(s corev1.ContainerStatus, waiting bool) *corev1.ContainerStateTerminated {
	last, now := s.LastTerminationState.Terminated, s.State.Terminated
	switch {
	case now == nil && (!waiting || s.State.Waiting == nil):
		return nil
	case now == nil, last != nil && pod.Unknown(now): // the kubelet ended the pod while the container waited
		return last
	default:
		return now
	}
}

// failedForGood reports whether an init container has failed that no kubelet starts again, whatever the pod's status says.
func failedForGood(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.InitContainerStatuses, func(s corev1.ContainerStatus) bool {
		return s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 && !native(p, s.Name) && !restartable(p, s.Name)
	})
}

// restartable reports whether an init container has a restart policy for itself that can start it again after a failure. Only
// another component can have set it: the pod's own policy is Never.
func restartable(p *corev1.Pod, name string) bool {
	return slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == name &&
			(c.RestartPolicy != nil && *c.RestartPolicy != corev1.ContainerRestartPolicyNever || len(c.RestartPolicyRules) > 0)
	})
}

// native reports whether an init container is a native sidecar, which runs beside the steps.
func native(p *corev1.Pod, name string) bool {
	if _, ok := podpaths.SidecarOf(name); ok {
		return true
	}
	return slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}
