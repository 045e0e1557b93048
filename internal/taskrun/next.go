package taskrun

// Action is the one thing that a pass does to the world, beside writing the status.
type Action string

// The actions; each has its own file.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// CreatePod makes the pod, and before it the claims of its workspaces.
	CreatePod Action = "CreatePod"
	// ReplacePod deletes a pod that was made from another task than the run has now, or ends the run.
	ReplacePod Action = "ReplacePod"
	// StopPod ends the pod's containers and keeps the pod and its logs for inspection.
	StopPod Action = "StopPod"
	// DeletePod ends the pod's containers and deletes the pod.
	DeletePod Action = "DeletePod"
	// StopEarlier ends the containers of the attempt before.
	StopEarlier Action = "StopEarlier"
	// StopEnded ends the containers of a run that has ended, and whose pod runs on.
	StopEnded Action = "StopEnded"
	// Release drops what was held for a run that has ended.
	Release Action = "Release"
)

// next picks the action for a state and what was observed in it.
func next(state State, obs Observation) Action {
	switch state {
	case Unstarted:
		if obs.Unrecorded != nil {
			return ReplacePod
		}
		return CreatePod
	case Unresolved, Invalid:
		if obs.Pod != nil || obs.Unrecorded != nil || obs.Earlier.lingers() {
			return StopPod
		}
		return DoNothing
	case StepLost, Unreported, TimedOut, Unpullable, Misconfigured, Unstartable, Unprepared, Uncollectable:
		return StopPod
	case PodFailed:
		if !podEnded(obs.Pod) {
			return StopPod
		}
		return DoNothing
	case Waiting:
		if obs.Earlier.outstays(obs.Now) {
			return StopEarlier
		}
		return DoNothing
	case Collected:
		if obs.Evidence.Set.Interrupted || forges(obs.Evidence.Set) {
			// What carries the results was asked to end before the steps, or a step wrote the record of its end itself: the
			// outcome is known, and the steps may run on.
			return StopPod
		}
		return DoNothing
	case Cancelled:
		if obs.Flags.KeepPodOnCancel {
			return StopPod
		}
		return DeletePod
	case Done:
		if obs.Ended.outstays(obs.Now) {
			return StopEnded
		}
		return Release
	default:
		return DoNothing
	}
}
