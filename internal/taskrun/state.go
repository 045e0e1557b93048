package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// State is the state of a TaskRun. Each reconcile determines it from its observations; no state is stored.
type State string

// The states, in the order in which a run usually passes through them.
const (
	// Held: its user holds it back.
	Held State = "Held"
	// Resolving: the run waits for a resolver to fetch its Task or a StepAction.
	Resolving State = "Resolving"
	// Unresolved: the Task of the run is unavailable.
	Unresolved State = "Unresolved"
	// Invalid: the run or its task breaks a rule of the API.
	Invalid State = "Invalid"
	// Refused: the run's results could not be read, because a permission is missing.
	Refused State = "Refused"
	// Blocked: a prerequisite of the pod is missing and will not appear without a change.
	Blocked State = "Blocked"
	// Waiting: a prerequisite of the pod is temporarily missing.
	Waiting State = "Waiting"
	// Unstarted: the pod can be created.
	Unstarted State = "Unstarted"
	// Pending: the pod exists, and not all of its containers have started.
	Pending State = "Pending"
	// Unpullable: an image of the pod cannot be pulled.
	Unpullable State = "Unpullable"
	// Misconfigured: a container of the pod cannot be created, for example because a Secret that it names does not exist.
	Misconfigured State = "Misconfigured"
	// Unstartable: the kubelet cannot create or start a container of the pod.
	Unstartable State = "Unstartable"
	// Unprepared: the kubelet cannot create the sandbox or a volume of the pod.
	Unprepared State = "Unprepared"
	// SandboxLost: the node has lost the sandbox of the pod before all of its containers have started, and creates no other.
	SandboxLost State = "SandboxLost"
	// Running: the steps run, or their results are being read.
	Running State = "Running"
	// StepLost: a step's container ended without a record, so that the later steps, or the results sidecar, would wait
	// forever.
	StepLost State = "StepLost"
	// Unreported: the steps have ended, each with a record, but the results sidecar does not report their results.
	Unreported State = "Unreported"
	// Collected: the steps have ended, and their records and results are known.
	Collected State = "Collected"
	// Uncollectable: the steps have ended, and their results cannot be read.
	Uncollectable State = "Uncollectable"
	// PodFailed: the pod ended without its containers, for example because it was evicted, or none of its steps can start any
	// more.
	PodFailed State = "PodFailed"
	// PodDeleted: the pod is being deleted before a step of it ran, and its node does not report the end.
	PodDeleted State = "PodDeleted"
	// PodVanishing: another component is removing the pod, or has evicted it, before a step started.
	PodVanishing State = "PodVanishing"
	// PodMissing: the pod was created, and does not exist any more, and its last state has not been reported yet.
	PodMissing State = "PodMissing"
	// PodVanished: the pod was created, and does not exist any more, and its last state proves that no step of it ran.
	PodVanished State = "PodVanished"
	// PodLost: the pod was created and does not exist any more, and a step of it may have run.
	PodLost State = "PodLost"
	// Cancelled: the user has cancelled the run.
	Cancelled State = "Cancelled"
	// TimedOut: the run, or this attempt, has exceeded its timeout.
	TimedOut State = "TimedOut"
	// Done: the outcome is in the status. It never changes.
	Done State = "Done"
)

// stateOf returns the state of the run. The records of the steps have precedence over all that may have happened to the pod
// since: a run with verified results has ended, whatever then happens to the pod. Only if the steps were cut short is the
// reason for that better, because this controller may have stopped them.
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
	case obs.Unresolvable != nil: // without its task, the outcome of a pod cannot be determined
		return Unresolved
	case obs.Resolving != nil:
		return Resolving
	case obs.Evidence.Set != nil:
		return Running // whatever happens to the pod: the results are known, and the kubelet's report is awaited
	case obs.Pod == nil:
		return stateWithoutPod(tr, obs, plan)
	case obs.vanishing(tr):
		return PodVanishing
	default:
		return stateOfPod(obs)
	}
}

// stopped returns the state of a run that must end whatever its pod does, and "" for all others.
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

func stateWithoutPod(tr *v1.TaskRun, obs Observation, plan Plan) State {
	switch {
	case obs.remakable(tr) && obs.Gone.Unrun:
		return PodVanished
	case obs.remakable(tr) && obs.awaitsDeletion():
		return PodMissing
	case tr.Status.PodName != "", obs.Gone.Reported && !obs.Gone.Unrun: // the second one could not be recorded
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
		return Running // the results exist, and only the controller has to read them
	case containers.unpullable() != nil && !obs.patient(containers.unpullable()):
		return Unpullable
	case containers.misconfigured() != nil && !obs.patient(containers.misconfigured()):
		return Misconfigured
	case removedUnrun(obs.Pod), !containers.recorded() && (podEnded(obs.Pod) || initFailed(obs.Pod)):
		return PodFailed
	case obs.stepLost():
		return StepLost
	case obs.unreported():
		return Unreported
	case obs.unstartable() != nil && !obs.patient(obs.unstartable()):
		return Unstartable
	case obs.unpreparable():
		return Unprepared
	case obs.sandboxLost():
		return SandboxLost
	case obs.unstoppable() && containers.unrun():
		return PodDeleted
	case containers.waiting():
		return Pending
	default:
		return Running
	}
}

// unstartable returns the container that the kubelet cannot start, or nil. As long as a step is running, the kubelet has time
// for it. After all steps have ended, only the results sidecar matters, and unreported limits that.
func (o Observation) unstartable() *corev1.ContainerStatus {
	c := containersOf(o.Pod)
	if c.stepRuns() || c.ended() || podEnded(o.Pod) {
		return nil
	}
	return c.troubled()
}

const (
	// recordPatience is how long the results sidecar may take to end after all steps have ended, if one of them has no record
	// in its container's status. There may be a record that only the sidecar finds.
	recordPatience = 3 * time.Second
	// reportPatience is how long it may take to report results if each step has a record: it reads them from a disk that may
	// be slow, and the kubelet reports its end some seconds later.
	reportPatience = time.Minute
)

// stepLost reports whether a step has no record, and another step or the results sidecar would wait for it forever.
func (o Observation) stepLost() bool {
	due, lost := o.lostDue()
	return lost && !o.Now.Before(due)
}

// lostDue returns when a step without a record counts as lost; ok is false if each step has one, or no container waits for
// it. The time is zero if there is nothing to wait for.
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

// unreported reports whether the results sidecar should have reported the results by now.
func (o Observation) unreported() bool {
	c := containersOf(o.Pod)
	return c.ended() && c.transportRuns() && !podEnded(o.Pod) && !o.Now.Before(o.reportDue())
}

// reportDue returns when the results must be reported after all steps have ended.
func (o Observation) reportDue() time.Time {
	return containersOf(o.Pod).lastStepEnd().Add(reportPatience + o.Evidence.Waited)
}

// verdictPatience is how long a run with ended steps waits for the kubelet to report why one of them was killed. The kubelet
// checks its containers once a second.
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
		return !known && o.Now.Before(o.Evidence.At.Add(verdictPatience)) // an unfinished step has no end
	default:
		return false
	}
}

// heard returns when the controller first knew of an event with a time that a step recorded: not later than the record was
// read, because a step can record any time.
func (o Observation) heard(at time.Time) time.Time {
	if read := o.Evidence.At; !read.IsZero() && at.After(read) {
		return read
	}
	return at
}

// killedExitCode is 128 plus SIGKILL.
const killedExitCode = 137

// timedOut reports whether the run has exceeded its timeout, which each attempt has separately. A timeout of 0 means none.
// The time in which its results wait for the controller to read them does not count.
func (o Observation) timedOut(tr *v1.TaskRun) bool {
	timeout := o.timeout(tr)
	return timeout > 0 && tr.Status.StartTime != nil && !o.Now.Before(tr.Status.StartTime.Add(timeout+o.Evidence.Waited))
}

// timeout returns the run's own timeout, or the installation's default.
func (o Observation) timeout(tr *v1.TaskRun) time.Duration {
	if tr.Spec.Timeout != nil {
		return tr.Spec.Timeout.Duration
	}
	return o.Config.Defaults.Timeout
}
