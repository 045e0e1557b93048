package pipelinerun

// Action is the one change that a reconcile makes, in addition to the status.
type Action string

// The actions; each has its own file.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// StartTasks creates the children of the tasks that can start, and the claims that they need.
	StartTasks Action = "StartTasks"
	// CancelChildren cancels children.
	CancelChildren Action = "CancelChildren"
	// CancelUnrecorded cancels the children of a run that ends before its first status: an earlier reconcile created them and could not
	// record them.
	CancelUnrecorded Action = "CancelUnrecorded"
)

// next returns the action for a state.
func next(state State) Action {
	switch state {
	case Startable:
		return StartTasks
	case Cancelling:
		return CancelChildren
	case CancelledBeforeStart, Late, Unresolved, Invalid:
		return CancelUnrecorded
	default:
		return DoNothing
	}
}
