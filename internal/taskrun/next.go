package taskrun

import (
	"github.com/sluice-ci/sluice/internal/config"
)

// Action is the one thing that a pass does to the world, beside writing the status.
type Action string

// The actions; each has a file of its own.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// CreatePod makes the pod, and before it the claims of its workspaces.
	CreatePod Action = "CreatePod"
	// StopPod ends the pod's containers and keeps the pod and its logs for inspection.
	StopPod Action = "StopPod"
	// DeletePod ends the pod's containers and deletes the pod.
	DeletePod Action = "DeletePod"
	// Release drops what was held for a run that has ended.
	Release Action = "Release"
)

// next picks the action for a state.
func next(state State, flags config.Flags) Action {
	switch state {
	case Unstarted:
		return CreatePod
	case StepLost, TimedOut, Unpullable, Misconfigured, Uncollectable:
		return StopPod
	case Cancelled:
		if flags.KeepPodOnCancel {
			return StopPod
		}
		return DeletePod
	case Done:
		return Release
	default:
		return DoNothing
	}
}
