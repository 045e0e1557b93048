package pipelinerun

// Action is the one thing that a pass does to the world, beside writing the status.
type Action string

// The actions; each has a file of its own.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// CreateTaskRuns makes the TaskRuns of the tasks that can start.
	CreateTaskRuns Action = "CreateTaskRuns"
)

// next picks the action for a state.
func next(state State) Action {
	if state == Startable {
		return CreateTaskRuns
	}
	return DoNothing
}
