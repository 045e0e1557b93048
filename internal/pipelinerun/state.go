package pipelinerun

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/sets"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/dag"
)

// State names where a PipelineRun stands. Each pass finds the state anew from what it observed; nothing is remembered.
type State string

// The states, in the order in which a run usually passes through them.
const (
	// Unresolved: the Pipeline that the run refers to is not to be had.
	Unresolved State = "Unresolved"
	// Invalid: the run, its pipeline, or a Task that it refers to breaks a rule, so that no task may start.
	Invalid State = "Invalid"
	// Startable: tasks can start now.
	Startable State = "Startable"
	// Running: tasks run, and no other can start yet.
	Running State = "Running"
	// Stopping: a task failed, or cannot be started; others still run, and no more will start.
	Stopping State = "Stopping"
	// Ended: no task runs any more, and none can start.
	Ended State = "Ended"
	// Done: the outcome stands in the status. It is never changed.
	Done State = "Done"
)

// stateOf names where the run stands.
func stateOf(pr *v1.PipelineRun, obs Observation) State {
	switch {
	case pr.Status.Done():
		return Done
	case obs.Unresolvable != nil:
		return Unresolved
	case obs.Invalid != nil:
		return Invalid
	case len(obs.Wanted) > 0:
		return Startable
	case !obs.has(dag.Started):
		return Ended
	case obs.has(dag.Failed) || obs.Problem != nil:
		return Stopping
	default:
		return Running
	}
}

// nodeState is where one task stands, in the words of the graph.
func (o Observation) nodeState(task string) dag.NodeState {
	child, ok := o.Children[task]
	switch {
	case !ok:
		return dag.Waiting
	case child.Lost:
		return dag.Failed
	case !child.TaskRun.Status.Done():
		return dag.Started
	case child.succeeded():
		return dag.Succeeded
	default:
		return dag.Failed
	}
}

// has reports whether any task stands so.
func (o Observation) has(state dag.NodeState) bool {
	return slices.ContainsFunc(o.Spec.Tasks, func(t v1.PipelineTask) bool { return o.nodeState(t.Name) == state })
}

// ready returns the names of the tasks that can start: none once any has failed.
func (o Observation) ready() sets.Set[string] {
	if o.has(dag.Failed) {
		return nil
	}
	return sets.New(o.Graph.Ready(o.nodeState)...)
}
