package pipelinerun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
)

// State is the state of a PipelineRun. Each reconcile determines it from its observations; no state is stored.
type State string

// The states, in the order in which a run usually passes through them.
const (
	// Pending: the user holds it back.
	Pending State = "Pending"
	// CancelledBeforeStart: the user cancelled it before it had started.
	CancelledBeforeStart State = "CancelledBeforeStart"
	// Resolving: the run waits for a resolver to fetch its Pipeline, or a Task of it.
	Resolving State = "Resolving"
	// Late: the run waited for a resolver until its timeout.
	Late State = "Late"
	// Unresolved: the Pipeline of the run is unavailable.
	Unresolved State = "Unresolved"
	// Invalid: the run, its pipeline, or a Task that it refers to breaks a rule, so that no task may start.
	Invalid State = "Invalid"
	// Cancelling: children must be cancelled, because the run was cancelled or its time is over.
	Cancelling State = "Cancelling"
	// Startable: tasks can start now.
	Startable State = "Startable"
	// InProgress: tasks are running, or are about to, and no other can start yet.
	InProgress State = "InProgress"
	// Stopping: like InProgress, but no more tasks will start, except those of finally.
	Stopping State = "Stopping"
	// Ended: no task is running any more, and none can start.
	Ended State = "Ended"
	// Done: the outcome is in the status. It never changes.
	Done State = "Done"
)

// stateOf returns the state of the run.
func stateOf(pr *v1.PipelineRun, obs Observation, plan Plan) State {
	switch {
	case pr.Status.Done():
		return Done
	case held(pr):
		return Pending
	case obs.CancelledBeforeStart:
		return CancelledBeforeStart
	case obs.Unresolvable != nil:
		return Unresolved
	case obs.Resolving != nil && obs.overdue(pr):
		return Late
	case obs.Resolving != nil:
		return Resolving
	case obs.Invalid != nil:
		return Invalid
	case len(toCancel(plan)) > 0:
		return Cancelling
	case len(plan.Wanted) > 0:
		return Startable
	case plan.allDone():
		return Ended
	case plan.Stops.Tasks.Reason != "" || plan.Stops.Finally.Reason != "":
		return Stopping
	default:
		return InProgress
	}
}

// toCancel returns the children that must be stopped and were not asked for that yet.
func toCancel(plan Plan) []cancellation {
	var out []cancellation
	for i := range plan.Tasks {
		s := &plan.Tasks[i]
		stop := plan.Stops.of(s)
		if s.Phase != Running {
			continue
		}
		for j := range s.Children {
			if c := &s.Children[j]; c.stoppable(stop) {
				out = append(out, cancellation{c.Run, stop})
			}
		}
	}
	return out
}
