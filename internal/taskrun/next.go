package taskrun

// Action is the one thing that a pass does to the world, beside writing the status.
type Action string

// The actions; each has a file of its own.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// CreatePod makes the pod.
	CreatePod Action = "CreatePod"
	// StopPod ends the pod's containers and keeps the pod and its logs for inspection.
	StopPod Action = "StopPod"
	// Release drops what was held for a run that has ended.
	Release Action = "Release"
)

// next picks the action for a state.
func next(state State) Action {
	switch state {
	case Unstarted:
		return CreatePod
	case StepLost, TimedOut, Unpullable, Uncollectable:
		return StopPod
	case Done:
		return Release
	default:
		return DoNothing
	}
}
