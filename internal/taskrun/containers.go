package taskrun

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// containers is what a pod's status says of the containers that matter: the steps, and what carries their results.
type containers struct {
	steps    []corev1.ContainerStatus
	carriers []corev1.ContainerStatus
	// all are all containers of the pod: any one whose image cannot be had keeps the pod from running.
	all []corev1.ContainerStatus
}

func containersOf(p *corev1.Pod) containers {
	return containers{
		steps: pod.StepStatuses(p), carriers: pod.CarrierStatuses(p),
		all: slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses),
	}
}

// waiting reports whether a container has not started yet.
func (c containers) waiting() bool {
	notStarted := func(s corev1.ContainerStatus) bool { return s.State.Running == nil && s.State.Terminated == nil }
	return slices.ContainsFunc(c.steps, notStarted) || slices.ContainsFunc(c.carriers, notStarted)
}

// ended reports whether all steps have terminated.
func (c containers) ended() bool {
	return !slices.ContainsFunc(c.steps, func(s corev1.ContainerStatus) bool { return s.State.Terminated == nil })
}

// recorded reports whether what the steps did can still be learned: from what carries their results, once that has run,
// or from the steps' own termination messages.
func (c containers) recorded() bool {
	if len(c.carriers) == 0 {
		return c.ended()
	}
	return slices.ContainsFunc(c.carriers, func(s corev1.ContainerStatus) bool {
		return s.State.Running != nil || s.State.Terminated != nil
	})
}

// lost reports whether a step's container has ended without the record that its entrypoint leaves, while others run
// on: the entrypoint itself was killed.
func (c containers) lost() bool {
	return !c.ended() && slices.ContainsFunc(c.steps, func(s corev1.ContainerStatus) bool {
		if s.State.Terminated == nil {
			return false
		}
		message, err := termination.ParseMessage([]byte(s.State.Terminated.Message))
		return err != nil || message.Step.Reason == ""
	})
}

// unpullable returns the first container whose image cannot be had, or nil. ErrImagePull is left out: it is the first
// attempt, and ImagePullBackOff follows when that was no accident.
func (c containers) unpullable() *corev1.ContainerStatus {
	return c.waitingFor(waitingPullBackOff, waitingInvalidImage, waitingNeverPull, waitingInspect)
}

// misconfigured returns the first container that cannot be made as its pod says, or nil.
func (c containers) misconfigured() *corev1.ContainerStatus { return c.waitingFor(waitingConfig) }

// waitingFor returns the first container that waits for one of the reasons, or nil.
func (c containers) waitingFor(reasons ...string) *corev1.ContainerStatus {
	for i, s := range c.all {
		if w := s.State.Waiting; w != nil && slices.Contains(reasons, w.Reason) {
			return &c.all[i]
		}
	}
	return nil
}
