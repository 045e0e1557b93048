package pipelinerun

// Action is the one change that a reconcile makes, in addition to the status.
type Action string

// The actions; each has its own file.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// StartTasks creates the TaskRuns of the tasks that can start, and the claims that they need.
	StartTasks Action = "StartTasks"
	// CancelTaskRuns cancels TaskRuns.
	CancelTaskRuns Action = "CancelTaskRuns"
)

// next returns the action for a state.
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
