package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// State names where a TaskRun stands. Each pass finds the state anew from what it observed; nothing is remembered.
type State string

// The states, in the order in which a run usually passes through them.
const (
	// Unresolved: the Task that the run refers to is not to be had.
	Unresolved State = "Unresolved"
	// Invalid: the run or its task breaks a rule of the API.
	Invalid State = "Invalid"
	// Refused: the run's results could not come back, for want of a permission.
	Refused State = "Refused"
	// Blocked: something that the pod needs is not to be had, and will not be as things stand.
	Blocked State = "Blocked"
	// Hindered: something that the pod needs is not to be had for now.
	Hindered State = "Hindered"
	// Unstarted: nothing keeps the pod from being made.
	Unstarted State = "Unstarted"
	// Pending: the pod is there, and not all of its containers have started.
	Pending State = "Pending"
	// Unpullable: an image of the pod cannot be pulled.
	Unpullable State = "Unpullable"
	// Misconfigured: a container of the pod cannot be made, as when a Secret that it names is not there.
	Misconfigured State = "Misconfigured"
	// Running: the steps run, or their results are being read.
	Running State = "Running"
	// StepLost: a step's container ended without a record, so that the steps after it would wait for ever.
	StepLost State = "StepLost"
	// Collected: the steps have ended, and what they recorded and produced is known.
	Collected State = "Collected"
	// Uncollectable: the steps have ended, and their results cannot be read.
	Uncollectable State = "Uncollectable"
	// PodFailed: the pod ended without its containers, as when it is evicted.
	PodFailed State = "PodFailed"
	// PodLost: the pod was made and is gone.
	PodLost State = "PodLost"
	// Cancelled: its user wants the run to end.
	Cancelled State = "Cancelled"
	// TimedOut: the run, or this attempt, took longer than it may.
	TimedOut State = "TimedOut"
	// Done: the outcome stands in the status. It is never changed.
	Done State = "Done"
)

// stateOf names where the run stands. What the steps recorded comes before everything that may have happened to the
// pod since: a run whose results are verified has ended, whatever then becomes of the pod. Only when the steps were cut
// short is the reason for that the better word, since it may well have been this controller that stopped them.
func stateOf(tr *v1.TaskRun, obs Observation) State {
	stopped := obs.stopped(tr)
	switch {
	case tr.Status.Done():
		return Done
	case obs.Evidence.Set != nil && !obs.awaitsVerdict() && (stopped == "" || !obs.cutShort()):
		return Collected
	case stopped != "":
		return stopped
	case obs.Evidence.Set != nil:
		return Running // whatever becomes of the pod: what its steps left is known, and a word on it is awaited
	case obs.Pod == nil:
		return stateWithoutPod(tr, obs)
	default:
		return stateOfPod(obs)
	}
}

// stopped returns the state of a run that is to end whatever its pod does, and "" for all others.
func (o Observation) stopped(tr *v1.TaskRun) State {
	switch {
	case tr.Spec.Status == v1.TaskRunSpecStatusCancelled:
		return Cancelled
	case o.timedOut(tr):
		return TimedOut
	default:
		return ""
	}
}

// cutShort reports whether a step was kept from ending by itself.
func (o Observation) cutShort() bool {
	set := o.Evidence.Set
	return set.Interrupted || slices.ContainsFunc(set.Steps, func(s frame.Step) bool {
		return s.Reason == frame.ReasonCancelled || s.Reason == frame.ReasonUnfinished
	})
}

func stateWithoutPod(tr *v1.TaskRun, obs Observation) State {
	switch {
	case tr.Status.PodName != "":
		return PodLost
	case obs.Unresolvable != nil:
		return Unresolved
	case obs.Invalid != nil:
		return Invalid
	case obs.Refusal != nil:
		return Refused
	case obs.Needs.Blocked != nil:
		return Blocked
	case obs.Needs.Hindered != nil:
		return Hindered
	default:
		return Unstarted
	}
}

func stateOfPod(obs Observation) State {
	containers := containersOf(obs.Pod)
	switch {
	case obs.Evidence.GaveUp:
		return Uncollectable
	case containers.unpullable() != nil && !obs.patient(containers.unpullable()):
		return Unpullable
	case containers.misconfigured() != nil && !obs.patient(containers.misconfigured()):
		return Misconfigured
	case obs.Pod.Status.Phase == corev1.PodFailed && !containers.recorded():
		return PodFailed
	case containers.lost():
		return StepLost
	case containers.waiting():
		return Pending
	default:
		return Running
	}
}

// verdictPatience is how long a run whose steps have ended waits for its kubelet to say why one of them was killed. The
// kubelet looks at its containers once a second.
const verdictPatience = 5 * time.Second

// awaitsVerdict reports whether the signatures cannot be judged yet, or a step was ended from outside, and its kubelet has
// not said yet by whom: the stream knows that a step was killed or asked to end, and only the kubelet knows whether for its
// use of memory, or because the whole pod is to go.
func (o Observation) awaitsVerdict() bool {
	if o.Unjudged != nil {
		return true
	}
	if o.Pod == nil {
		return false
	}
	return slices.ContainsFunc(containersOf(o.Pod).steps, func(status corev1.ContainerStatus) bool {
		i := slices.IndexFunc(o.Evidence.Set.Steps, func(s frame.Step) bool { return s.Name == status.Name })
		return i >= 0 && o.awaitsWordOn(o.Evidence.Set.Steps[i], status.State.Terminated != nil)
	})
}

// awaitsWordOn reports whether a step has ended in a way that a kubelet is asked about, and may still be. That a container
// was killed for its use of memory is told with its end; that the pod is evicted may be told with the end of the pod.
func (o Observation) awaitsWordOn(step frame.Step, seen bool) bool {
	switch {
	case step.ExitCode == killedExitCode:
		return !seen && o.Now.Before(step.FinishedAt.Add(verdictPatience))
	case step.Reason == frame.ReasonCancelled || step.Reason == frame.ReasonUnfinished:
		phase := o.Pod.Status.Phase
		ended := phase == corev1.PodSucceeded || phase == corev1.PodFailed
		reason, _ := disruption(o.Pod)
		return !ended && reason == "" && o.Now.Before(o.Evidence.At.Add(verdictPatience)) // one that is unfinished has no end
	default:
		return false
	}
}

// killedExitCode is 128 plus SIGKILL.
const killedExitCode = 137

// timedOut reports whether the run has used up its time, which each attempt has anew. A timeout of 0 is none.
func (o Observation) timedOut(tr *v1.TaskRun) bool {
	timeout := o.timeout(tr)
	return timeout > 0 && tr.Status.StartTime != nil && !o.Now.Before(tr.Status.StartTime.Add(timeout))
}

// timeout is the run's own, or the installation's default.
func (o Observation) timeout(tr *v1.TaskRun) time.Duration {
	if tr.Spec.Timeout != nil {
		return tr.Spec.Timeout.Duration
	}
	return o.Config.Defaults.Timeout
}
