package taskrun

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Hindrance is what keeps a run from going on, for now. Its message has no times and no counts of this side, so that it
// changes only when there is something new to say.
type Hindrance struct {
	// Reason of the condition.
	Reason string
	// Message for people.
	Message string
}

// What the kubelet says of a container that waits.
const (
	waitingPullBackOff  = "ImagePullBackOff"
	waitingPullError    = "ErrImagePull"
	waitingInvalidImage = "InvalidImageName"
	waitingNeverPull    = "ErrImageNeverPull"
	waitingInspect      = "ImageInspectError"
	waitingConfig       = "CreateContainerConfigError"
	waitingCrashLoop    = "CrashLoopBackOff"
)

// configPatience is how long a pod is waited for that refers to a ConfigMap or Secret which is not there: it may be
// about to be made, by the same command as the run, and a kubelet may not have seen it yet.
const configPatience = 10 * time.Second

// runtimePatience is how long a node is given whose container runtime does not say whether it has an image: it is being
// restarted, as a rule, and the kubelet asks it again.
const runtimePatience = 2 * time.Minute

// patience is how long a container may wait for such a reason before the run fails.
func (o Observation) patience(s *corev1.ContainerStatus) time.Duration {
	switch s.State.Waiting.Reason {
	case waitingConfig:
		return configPatience
	case waitingPullBackOff, waitingPullError:
		return o.Config.Defaults.ImagePullTimeout
	case waitingInspect:
		return max(o.Config.Defaults.ImagePullTimeout, runtimePatience)
	default:
		return 0
	}
}

// patient reports whether a container that cannot start is still waited for.
func (o Observation) patient(s *corev1.ContainerStatus) bool {
	return o.Now.Before(placed(o.Pod).Add(o.patience(s)))
}

// placed is when the pod was given to its node.
func placed(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return p.CreationTimestamp.Time
}

// sandboxPatience is how long a pod on its node may wait for its sandbox and its volumes before that is told: longer than
// it takes to provide and attach a new volume, as a rule.
const sandboxPatience = 10 * time.Second

// sandboxDue is when a pod that has a node, and neither sandbox nor volumes yet, is told to wait for them; zero when it
// has them, or no node.
func sandboxDue(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers && c.Status == corev1.ConditionFalse && p.Status.Phase == corev1.PodPending {
			return placed(p).Add(sandboxPatience)
		}
	}
	return time.Time{}
}

// hindranceOf says what a pod is waiting for; nil when there is nothing to say.
func hindranceOf(p *corev1.Pod, now time.Time) *Hindrance {
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse && condition.Message != "" {
			return &Hindrance{unscheduled(condition.Message), "the pod cannot be scheduled: " + condition.Message}
		}
	}
	for _, s := range containersOf(p).all {
		if h := hindranceOfContainer(s); h != nil {
			return h
		}
	}
	if due := sandboxDue(p); !due.IsZero() && !now.Before(due) {
		// Which of them it is stands in events alone, which the controller may not read.
		return &Hindrance{v1.TaskRunReasonPending, fmt.Sprintf("a volume of the pod cannot be mounted yet, or its network not be made; its events say which: "+
			"kubectl describe pod %s -n %s", p.Name, p.Namespace)}
	}
	return nil
}

// unscheduled tells a lack of room from other causes by the scheduler's words; it has no code for it.
func unscheduled(message string) string {
	if strings.Contains(message, "Insufficient ") {
		return v1.TaskRunReasonExceededNodeResources
	}
	return v1.TaskRunReasonPending
}

func hindranceOfContainer(s corev1.ContainerStatus) *Hindrance {
	w := s.State.Waiting
	if w == nil || w.Message == "" {
		return nil
	}
	what := fmt.Sprintf("container %q: %s: %s", s.Name, w.Reason, strings.TrimSpace(w.Message))
	switch {
	case slices.Contains([]string{waitingPullBackOff, waitingPullError, waitingInspect}, w.Reason):
		return &Hindrance{v1.TaskRunReasonPullImageFailed, fmt.Sprintf("container %q: image %q: %s: %s",
			s.Name, s.Image, w.Reason, strings.TrimSpace(w.Message))}
	case w.Reason == waitingConfig:
		return &Hindrance{v1.TaskRunReasonContainerConfigError, what}
	case w.Reason == waitingCrashLoop:
		// The kubelet's message has the length of its next pause, which says nothing.
		what = fmt.Sprintf("container %q: %s", s.Name, w.Reason)
		if t := s.LastTerminationState.Terminated; t != nil {
			what += fmt.Sprintf(": it exited with code %d (%s)", t.ExitCode, t.Reason)
		}
	}
	return &Hindrance{v1.TaskRunReasonPending, what}
}
