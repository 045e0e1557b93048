package taskrun

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// WaitReason is why a run cannot continue now. Its message has no times and no counts of the controller, so that it changes
// only when there is news.
type WaitReason struct {
	// Reason is the reason of the condition.
	Reason string
	// Message is for users.
	Message string
}

// The kubelet's reasons of a waiting container.
const (
	waitingPullBackOff  = "ImagePullBackOff"
	waitingPullError    = "ErrImagePull"
	waitingInvalidImage = "InvalidImageName"
	waitingNeverPull    = "ErrImageNeverPull"
	waitingInspect      = "ImageInspectError"
	waitingConfig       = "CreateContainerConfigError"
	waitingCrashLoop    = "CrashLoopBackOff"
	waitingCreating     = "ContainerCreating"
	waitingInitializing = "PodInitializing"
)

// configPatience is how long a run waits for a pod that refers to a ConfigMap or Secret that does not exist: the same command
// as the run may be about to create it, or a kubelet may not have seen it yet.
const configPatience = 10 * time.Second

// runtimePatience is the time for a node whose container runtime does not report whether it has an image: usually it is
// restarting, and the kubelet asks it again.
const runtimePatience = 2 * time.Minute

// unknownPatience is how long a container may wait for a reason that is usually transient, or that this version does not
// know, while nothing else changes in its pod. The longest pause of a kubelet between two tries is five minutes. A container
// that cannot be created or run is such a case: on a slow node, the kubelet's request to its runtime times out after two
// minutes, and the kubelet sends it again.
const unknownPatience = 10 * time.Minute

// maxCrashes is how often a sidecar or an init container may be restarted while the steps wait for it. The kubelet has then paused for five
// minutes in total.
const maxCrashes = 6

// patience returns how long a container may wait for such a reason before the run fails.
func (o Observation) patience(s *corev1.ContainerStatus) time.Duration {
	switch s.State.Waiting.Reason {
	case waitingConfig:
		return configPatience
	case waitingPullBackOff:
		return o.Config.Defaults.ImagePullTimeout
	case waitingInspect:
		return max(o.Config.Defaults.ImagePullTimeout, runtimePatience)
	case waitingInvalidImage, waitingNeverPull:
		return 0
	case waitingPullError:
		return max(o.Config.Defaults.ImagePullTimeout, unknownPatience)
	case waitingCrashLoop:
		if s.RestartCount >= maxCrashes {
			return 0
		}
	}
	return unknownPatience
}

// startDue returns when a container that waits for such a reason must have started.
func (o Observation) startDue(s *corev1.ContainerStatus) time.Time {
	switch s.State.Waiting.Reason {
	case waitingConfig, waitingPullBackOff, waitingInspect, waitingInvalidImage, waitingNeverPull:
		return placed(o.Pod).Add(o.patience(s))
	default:
		return lastChange(o.Pod).Add(o.patience(s))
	}
}

// patient reports whether the run still waits for a container that cannot start.
func (o Observation) patient(s *corev1.ContainerStatus) bool { return o.Now.Before(o.startDue(s)) }

// lastChange returns the time of the last change that the pod's status shows: it was assigned to its node, or a container
// started or ended. It is zero if the status shows none.
func lastChange(p *corev1.Pod) time.Time {
	last := placed(p)
	later := func(t metav1.Time) {
		if t.Time.After(last) {
			last = t.Time
		}
	}
	if p.Status.StartTime != nil {
		later(*p.Status.StartTime)
	}
	for _, s := range containersOf(p).all {
		for _, state := range []corev1.ContainerState{s.State, s.LastTerminationState} {
			if state.Running != nil {
				later(state.Running.StartedAt)
			}
			if state.Terminated != nil {
				later(state.Terminated.FinishedAt)
			}
		}
	}
	return last
}

// placed returns when the pod was assigned to its node.
func placed(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return p.CreationTimestamp.Time
}

// sandboxPatience is how long a pod on its node may wait for its sandbox and its volumes before the message says so: longer
// than it usually takes to provide and attach a new volume, and longer than a pod waits on a node that starts twenty at once. To say
// so costs a list of events, two writes of the status and an event.
const sandboxPatience = 30 * time.Second

// sandboxDue returns when the message says that a pod with a node waits for its sandbox or volumes; zero if it has them, or
// has no node.
func sandboxDue(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers && c.Status == corev1.ConditionFalse && p.Status.Phase == corev1.PodPending {
			return placed(p).Add(sandboxPatience)
		}
	}
	return time.Time{}
}

// slowPatience is how long the kubelet may work on a pod before the message says what it is doing.
const slowPatience = time.Minute

// slowDue returns when that is; zero if it is unknown how long the kubelet has been working.
func slowDue(p *corev1.Pod) time.Time {
	last := lastChange(p)
	if last.IsZero() {
		return last
	}
	return last.Add(slowPatience)
}

// waitReasonOf returns what a pod is waiting for; nil if there is nothing to report.
func waitReasonOf(obs Observation) *WaitReason {
	p, now := obs.Pod, obs.Now
	if h := trouble(p); h != nil {
		return h
	}
	if w := obs.warning(); w != nil {
		return w.unprepared()
	}
	if due := sandboxDue(p); !due.IsZero() && !now.Before(due) {
		return withoutSandboxOrVolume(p)
	}
	if due := slowDue(p); !due.IsZero() && !now.Before(due) {
		return &WaitReason{v1.TaskRunReasonPending, workInHand(p)}
	}
	return nil
}

// awaitedStart returns what a pod whose steps have not started waits for, however short the wait is so far.
func awaitedStart(obs Observation) string {
	p := obs.Pod
	if h := trouble(p); h != nil {
		return h.Message
	}
	if w := obs.warning(); w != nil {
		return w.unprepared().Message
	}
	if !sandboxDue(p).IsZero() {
		return withoutSandboxOrVolume(p).Message
	}
	return workInHand(p)
}

// trouble returns why the pod's scheduler or kubelet cannot do its work; nil if they can.
func trouble(p *corev1.Pod) *WaitReason {
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse && condition.Message != "" {
			return &WaitReason{unscheduled(condition.Message), "the pod cannot be scheduled: " + condition.Message}
		}
	}
	for _, s := range containersOf(p).all {
		if h := waitReasonOfContainer(s); h != nil {
			return h
		}
	}
	return nil
}

// withoutSandboxOrVolume is the message for a pod without a sandbox, as long as no event has the cause.
func withoutSandboxOrVolume(p *corev1.Pod) *WaitReason {
	return &WaitReason{
		v1.TaskRunReasonPending,
		fmt.Sprintf("a volume of the pod cannot be mounted yet, or its network not be made; its events say which: "+
			"kubectl describe pod %s -n %s", p.Name, p.Namespace),
	}
}

// workInHand describes what a scheduler or a kubelet without problems is doing for a pod whose steps have not started.
func workInHand(p *corev1.Pod) string {
	if p.DeletionTimestamp != nil {
		return fmt.Sprintf("pod %q is being deleted", p.Name)
	}
	if p.Spec.NodeName == "" && p.Status.StartTime == nil {
		return fmt.Sprintf("pod %q is not scheduled yet", p.Name)
	}
	for _, s := range p.Status.InitContainerStatuses {
		switch sidecar := native(p, s.Name); {
		case !hasStarted(s):
			return beingCreated(s)
		case sidecar && (s.Started == nil || !*s.Started):
			return fmt.Sprintf("sidecar container %q has not started yet: its startup probe has not succeeded", s.Name)
		case !sidecar && s.State.Terminated == nil:
			return fmt.Sprintf("init container %q has not ended yet", s.Name)
		case !sidecar && s.State.Terminated.ExitCode != 0:
			return failedContainer(p, s)
		}
	}
	c := containersOf(p)
	for _, s := range slices.Concat(c.steps, c.transport) {
		if !hasStarted(s) {
			return beingCreated(s)
		}
	}
	return messageStarting
}

// failedContainer describes an init container that has failed.
func failedContainer(p *corev1.Pod, s corev1.ContainerStatus) string {
	message := fmt.Sprintf("init container %q exited with code %d", s.Name, s.State.Terminated.ExitCode)
	if restartable(p, s.Name) && !podEnded(p) {
		message += ", and may be restarted"
	}
	return message
}

// beingCreated describes a container that the kubelet is about to create.
func beingCreated(s corev1.ContainerStatus) string {
	if s.State.Waiting == nil {
		return fmt.Sprintf("the kubelet has not reported container %q yet", s.Name)
	}
	message := fmt.Sprintf("container %q has not started yet", s.Name)
	if s.State.Waiting.Reason != "" {
		message += ": " + s.State.Waiting.Reason
	}
	if s.Image != "" {
		message += fmt.Sprintf("; the kubelet may still be pulling its image %q", s.Image)
	}
	return message
}

// unscheduled distinguishes a lack of room from other causes by the scheduler's message, because there is no code for it.
func unscheduled(message string) string {
	if strings.Contains(message, "Insufficient ") {
		return v1.TaskRunReasonExceededNodeResources
	}
	return v1.TaskRunReasonPending
}

func waitReasonOfContainer(s corev1.ContainerStatus) *WaitReason {
	w := s.State.Waiting
	if w == nil || w.Message == "" && atWork(w) {
		return nil
	}
	what := fmt.Sprintf("container %q: %s", s.Name, words(w.Reason, w.Message))
	switch {
	case slices.Contains([]string{waitingPullBackOff, waitingPullError, waitingInspect}, w.Reason):
		image := fmt.Sprintf("container %q: image %q: %s", s.Name, s.Image, words(w.Reason, w.Message))
		return &WaitReason{v1.TaskRunReasonPullImageFailed, image}
	case w.Reason == waitingConfig:
		return &WaitReason{v1.TaskRunReasonContainerConfigError, what}
	case w.Reason == waitingCrashLoop:
		// The kubelet's message contains the length of its next pause, which is irrelevant.
		what = fmt.Sprintf("container %q: %s", s.Name, w.Reason)
		if t := s.LastTerminationState.Terminated; t != nil {
			what += fmt.Sprintf(": it exited with code %d (%s)", t.ExitCode, t.Reason)
		}
	}
	return &WaitReason{v1.TaskRunReasonPending, what}
}

// words joins a reason and a message of the kubelet; either may be missing.
func words(reason, message string) string {
	message = strings.TrimSpace(message)
	if reason == "" || message == "" {
		return reason + message
	}
	return reason + ": " + message
}
