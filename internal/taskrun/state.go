package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// State names where a TaskRun stands. Each pass finds the state anew from what it observed; nothing is remembered.
type State string

// The states, in the order in which a run usually passes through them.
const (
	// Held: its user holds it back.
	Held State = "Held"
	// Unresolved: the Task of the run is unavailable.
	Unresolved State = "Unresolved"
	// Invalid: the run or its task breaks a rule of the API.
	Invalid State = "Invalid"
	// Refused: the run's results could not come back, for want of a permission.
	Refused State = "Refused"
	// Blocked: a prerequisite of the pod is missing and will not appear without a change.
	Blocked State = "Blocked"
	// Waiting: a prerequisite of the pod is temporarily missing.
	Waiting State = "Waiting"
	// Unstarted: nothing keeps the pod from being made.
	Unstarted State = "Unstarted"
	// Pending: the pod is there, and not all of its containers have started.
	Pending State = "Pending"
	// Unpullable: an image of the pod cannot be pulled.
	Unpullable State = "Unpullable"
	// Misconfigured: a container of the pod cannot be made, as when a Secret that it names is not there.
	Misconfigured State = "Misconfigured"
	// Unstartable: the kubelet cannot create or start a container of the pod.
	Unstartable State = "Unstartable"
	// Unprepared: the kubelet cannot make the sandbox or a volume of the pod.
	Unprepared State = "Unprepared"
	// Running: the steps run, or their results are being read.
	Running State = "Running"
	// StepLost: a step's container ended without a record, so that the later steps, or the results sidecar, would wait
	// forever.
	StepLost State = "StepLost"
	// Unreported: the steps have ended, each with a record, and what carries their results does not report them.
	Unreported State = "Unreported"
	// Collected: the steps have ended, and what they recorded and produced is known.
	Collected State = "Collected"
	// Uncollectable: the steps have ended, and their results cannot be read.
	Uncollectable State = "Uncollectable"
	// PodFailed: the pod ended without its containers, as when it is evicted, or none of its steps can start any more.
	PodFailed State = "PodFailed"
	// PodDeleted: the pod is being deleted before a step of it ran, and its node does not report the end.
	PodDeleted State = "PodDeleted"
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
func stateOf(tr *v1.TaskRun, obs Observation, plan Plan) State {
	stopped := obs.stopped(tr)
	switch {
	case tr.Status.Done():
		return Done
	case obs.Held:
		return Held
	case obs.Evidence.Set != nil && !obs.awaitsVerdict() && (stopped == "" || !obs.cutShort()):
		return Collected
	case stopped != "":
		return stopped
	case obs.Unresolvable != nil: // without its task, nothing can be said of what a pod does
		return Unresolved
	case obs.Evidence.Set != nil:
		return Running // whatever becomes of the pod: what its steps left is known, and a word on it is awaited
	case obs.Pod == nil:
		return stateWithoutPod(tr, plan)
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

// cutShort reports whether a step was kept from ending on its own.
func (o Observation) cutShort() bool {
	set := o.Evidence.Set
	return set.Interrupted || slices.ContainsFunc(set.Steps, func(s frame.Step) bool {
		return s.Reason == frame.ReasonCancelled || s.Reason == frame.ReasonUnfinished
	})
}

func stateWithoutPod(tr *v1.TaskRun, plan Plan) State {
	switch {
	case tr.Status.PodName != "":
		return PodLost
	case plan.Invalid != nil:
		return Invalid
	case plan.Refusal != nil:
		return Refused
	case plan.Needs.Blocked != nil:
		return Blocked
	case plan.Needs.Waiting != nil:
		return Waiting
	default:
		return Unstarted
	}
}

func stateOfPod(obs Observation) State {
	containers := containersOf(obs.Pod)
	switch {
	case obs.Evidence.GaveUp:
		return Uncollectable
	case obs.Evidence.Unread:
		return Running // the results are there, and it is the controller that has to read them
	case containers.unpullable() != nil && !obs.patient(containers.unpullable()):
		return Unpullable
	case containers.misconfigured() != nil && !obs.patient(containers.misconfigured()):
		return Misconfigured
	case podEnded(obs.Pod) && !containers.recorded(), failedInit(obs.Pod) != nil && !containers.recorded():
		return PodFailed
	case obs.stepLost():
		return StepLost
	case obs.unreported():
		return Unreported
	case obs.unstartable() != nil && !obs.patient(obs.unstartable()):
		return Unstartable
	case obs.unpreparable():
		return Unprepared
	case obs.unstoppable() && containers.unrun():
		return PodDeleted
	case containers.waiting():
		return Pending
	default:
		return Running
	}
}

// unstartable returns the container that the kubelet has trouble to start, or nil. As long as a step runs, the kubelet has
// time for it. Once all steps have ended, only what carries the results is waited for, and unreported bounds that.
func (o Observation) unstartable() *corev1.ContainerStatus {
	c := containersOf(o.Pod)
	if c.stepRuns() || c.ended() || podEnded(o.Pod) {
		return nil
	}
	return c.troubled()
}

const (
	// recordPatience is how long what carries the results may take to end, once all steps have and one of them has left no
	// record in its container's status. It may have left one where only the sidecar finds it.
	recordPatience = 3 * time.Second
	// reportPatience is how long it may take to report results when each step has a record: it reads them from a disk that
	// may be slow, and the kubelet reports its end some seconds later.
	reportPatience = time.Minute
)

// stepLost reports whether a step left no record, and something waits for that without end: another step, or what carries
// the results.
func (o Observation) stepLost() bool {
	due, lost := o.lostDue()
	return lost && !o.Now.Before(due)
}

// lostDue is when a step without a record is taken for lost; ok is false when no step is without one, or nothing waits for
// it. The time is zero where there is nothing to wait for.
func (o Observation) lostDue() (due time.Time, ok bool) {
	c := containersOf(o.Pod)
	step := c.recordless()
	switch {
	case step == nil:
		return time.Time{}, false
	case !c.ended(), pod.NeverStarted(step.State.Terminated):
		return time.Time{}, !c.ended() || c.transportRuns()
	default:
		return c.lastStepEnd().Add(recordPatience + o.Evidence.Waited), c.transportRuns()
	}
}

// unreported reports whether what carries the results should have reported them by now.
func (o Observation) unreported() bool {
	c := containersOf(o.Pod)
	return c.ended() && c.transportRuns() && !podEnded(o.Pod) && !o.Now.Before(o.reportDue())
}

// reportDue is when the results of steps that have all ended must have been reported.
func (o Observation) reportDue() time.Time {
	return containersOf(o.Pod).lastStepEnd().Add(reportPatience + o.Evidence.Waited)
}

// verdictPatience is how long a run whose steps have ended waits for its kubelet to say why one of them was killed. The
// kubelet looks at its containers once a second.
const verdictPatience = 5 * time.Second

// awaitsVerdict reports whether the signatures cannot be verified yet, or a step was ended from outside and the kubelet has
// not reported the cause yet. The stream shows only that a step was killed or stopped. Only the kubelet knows whether that
// was because of its memory, or because the pod is removed.
func (o Observation) awaitsVerdict() bool {
	if o.Unverified != nil {
		return true
	}
	if o.Pod == nil {
		return false
	}
	return slices.ContainsFunc(containersOf(o.Pod).steps, func(status corev1.ContainerStatus) bool {
		i := slices.IndexFunc(o.Evidence.Set.Steps, func(s frame.Step) bool { return s.Name == status.Name })
		return i >= 0 && o.awaitsWordOn(o.Evidence.Set.Steps[i], status.State.Terminated)
	})
}

// awaitsWordOn reports whether the kubelet may still report the cause of a step's end. A kill because of memory is reported
// with the end of the container. An eviction may be reported with the end of the pod. For a container that was never started,
// the kubelet has already reported everything.
func (o Observation) awaitsWordOn(step frame.Step, seen *corev1.ContainerStateTerminated) bool {
	switch {
	case step.ExitCode == killedExitCode:
		return seen == nil && o.Now.Before(o.heard(step.FinishedAt).Add(verdictPatience))
	case step.Reason == frame.ReasonCancelled || step.Reason == frame.ReasonUnfinished:
		reason, _ := disruption(o.Pod)
		known := podEnded(o.Pod) || reason != "" || unstarted(containersOf(o.Pod).steps) != ""
		return !known && o.Now.Before(o.Evidence.At.Add(verdictPatience)) // one that is unfinished has no end
	default:
		return false
	}
}

// heard is when something was heard of that a step says happened at a time: not later than it was read. What a step says
// may be any time.
func (o Observation) heard(at time.Time) time.Time {
	if read := o.Evidence.At; !read.IsZero() && at.After(read) {
		return read
	}
	return at
}

// killedExitCode is 128 plus SIGKILL.
const killedExitCode = 137

// timedOut reports whether the run has used up its time, which each attempt has anew. A timeout of 0 is none. The time in
// which its results waited for the controller to read them is not its own.
func (o Observation) timedOut(tr *v1.TaskRun) bool {
	timeout := o.timeout(tr)
	return timeout > 0 && tr.Status.StartTime != nil && !o.Now.Before(tr.Status.StartTime.Add(timeout+o.Evidence.Waited))
}

// timeout is the run's own, or the installation's default.
func (o Observation) timeout(tr *v1.TaskRun) time.Duration {
	if tr.Spec.Timeout != nil {
		return tr.Spec.Timeout.Duration
	}
	return o.Config.Defaults.Timeout
}
