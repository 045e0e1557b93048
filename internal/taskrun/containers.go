package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// containers are the statuses of the containers that matter: the steps, the results sidecar, and the init containers.
// Containers that another component has injected beside the steps keep no step from running.
type containers struct {
	steps     []corev1.ContainerStatus
	transport []corev1.ContainerStatus
	// inits are the containers that prepare the pod, the task's sidecars, and injected ones.
	inits []corev1.ContainerStatus
	// all are the ones above: each of them whose image is unavailable keeps the run from ending.
	all []corev1.ContainerStatus
}

func containersOf(p *corev1.Pod) containers {
	c := containers{steps: pod.StepStatuses(p), transport: pod.TransportStatuses(p), inits: p.Status.InitContainerStatuses}
	c.all = slices.Concat(c.inits, c.steps, c.transport)
	return c
}

// podEnded reports whether all containers of the pod have ended, and none will start.
func podEnded(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func hasStarted(s corev1.ContainerStatus) bool {
	return s.State.Running != nil || s.State.Terminated != nil
}

// anyStarted reports whether a container of the pod runs, or has run.
func anyStarted(p *corev1.Pod) bool {
	return slices.ContainsFunc(slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses), hasStarted)
}

func notStarted(s corev1.ContainerStatus) bool { return !hasStarted(s) }

func notTerminated(s corev1.ContainerStatus) bool { return s.State.Terminated == nil }

// waiting reports whether a container has not started yet.
func (c containers) waiting() bool {
	return slices.ContainsFunc(c.steps, notStarted) || slices.ContainsFunc(c.transport, notStarted)
}

// stepRuns reports whether a step's container runs.
func (c containers) stepRuns() bool {
	return slices.ContainsFunc(c.steps, func(s corev1.ContainerStatus) bool { return s.State.Running != nil })
}

// unrun reports whether no step is running, and no source can report that one has run.
func (c containers) unrun() bool {
	return !c.stepRuns() && (len(c.transport) == 0 || c.transportRuns())
}

// ended reports whether all steps have terminated.
func (c containers) ended() bool { return !slices.ContainsFunc(c.steps, notTerminated) }

// transportRuns reports whether the container that transports the results is running, or will start.
func (c containers) transportRuns() bool { return slices.ContainsFunc(c.transport, notTerminated) }

// recorded reports whether it can still be learned how the steps ended: from the container that transports their results, if
// that has run, or from the steps' own termination messages.
func (c containers) recorded() bool {
	if len(c.transport) == 0 {
		return c.ended()
	}
	return slices.ContainsFunc(c.transport, hasStarted)
}

// recordless returns the first step whose container ended without the record of its entrypoint, or nil. The container was
// never started, or the entrypoint was killed or could not do its work.
func (c containers) recordless() *corev1.ContainerStatus {
	var first *corev1.ContainerStatus
	for i := range c.steps {
		t := c.steps[i].State.Terminated
		if t == nil || hasRecord(t) || len(c.transport) > 0 && hasCutRecord(t) {
			continue
		}
		switch {
		case pod.NeverStarted(t):
			return &c.steps[i]
		case first == nil || t.FinishedAt.Time.Before(first.State.Terminated.FinishedAt.Time):
			first = &c.steps[i]
		}
	}
	return first
}

// lastStepEnd returns the end of the last terminated step; zero if there is none, or the kubelet does not report the time.
func (c containers) lastStepEnd() time.Time {
	var last time.Time
	for _, s := range c.steps {
		if t := s.State.Terminated; t != nil && t.FinishedAt.Time.After(last) {
			last = t.FinishedAt.Time
		}
	}
	return last
}

func hasRecord(t *corev1.ContainerStateTerminated) bool {
	message, err := termination.ParseMessage([]byte(t.Message))
	return pod.LeftMessage(t) && err == nil && message.Step.Reason != ""
}

// hasCutRecord reports whether the kubelet has truncated the record of a container, because containers were added to the pod
// after it was created. The results sidecar has the complete record.
func hasCutRecord(t *corev1.ContainerStateTerminated) bool {
	return pod.LeftMessage(t) && termination.IsCut([]byte(t.Message))
}

// unpullable returns the first container whose image is unavailable, or nil. It ignores ErrImagePull, which is the first
// attempt: ImagePullBackOff follows if it was not an accident.
func (c containers) unpullable() *corev1.ContainerStatus {
	return c.waitingFor(waitingPullBackOff, waitingInvalidImage, waitingNeverPull, waitingInspect)
}

// misconfigured returns the first container with an invalid configuration, or nil.
func (c containers) misconfigured() *corev1.ContainerStatus { return c.waitingFor(waitingConfig) }

// waitingFor returns the first container that waits for one of the reasons, or nil. After all steps have ended, only the
// container that transports their results matters; a restarting sidecar does not.
func (c containers) waitingFor(reasons ...string) *corev1.ContainerStatus {
	needed := c.all
	if c.ended() {
		needed = c.transport
	}
	for i, s := range needed {
		if w := s.State.Waiting; w != nil && slices.Contains(reasons, w.Reason) {
			return &needed[i]
		}
	}
	return nil
}

// troubled returns the first container that waits for a reason that is neither normal work nor one of those above, or nil. It
// could not be created or started, or has a reason that this version does not know.
func (c containers) troubled() *corev1.ContainerStatus {
	others := []string{waitingPullBackOff, waitingInvalidImage, waitingNeverPull, waitingInspect, waitingConfig}
	for i, s := range c.all {
		if w := s.State.Waiting; w != nil && !atWork(w) && !slices.Contains(others, w.Reason) {
			return &c.all[i]
		}
	}
	return nil
}

// atWork reports whether the kubelet is working on a waiting container: it pulls its image, creates it, or starts earlier
// ones.
func atWork(w *corev1.ContainerStateWaiting) bool {
	return slices.Contains([]string{"", waitingCreating, waitingInitializing}, w.Reason)
}
