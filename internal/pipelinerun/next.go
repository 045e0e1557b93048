package pipelinerun

// Action is the one thing that a pass does to the world, beside writing the status.
type Action string

// The actions; each has its own file.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// StartTasks makes the TaskRuns of the tasks that can start, and the claims that they need.
	StartTasks Action = "StartTasks"
	// CancelTaskRuns cancels TaskRuns.
	CancelTaskRuns Action = "CancelTaskRuns"
)

// next picks the action for a state.
func next(state State) Action {
	switch state {
	case Startable:
		return StartTasks
	case Cancelling:
		return CancelTaskRuns
	default:
		return DoNothing
	}
}
