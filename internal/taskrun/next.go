package taskrun

// Action is the one change that a reconcile makes, in addition to the status.
type Action string

// The actions; each has its own file.
const (
	// DoNothing: there is nothing to do, or nothing to do yet.
	DoNothing Action = "Nothing"
	// CreatePod creates the claims of the pod's workspaces, and then the pod.
	CreatePod Action = "CreatePod"
	// ReplacePod deletes a pod that was created from another task than the run has now, or ends the run.
	ReplacePod Action = "ReplacePod"
	// StopPod ends the pod's containers and keeps the pod and its logs for inspection.
	StopPod Action = "StopPod"
	// DeletePod ends the pod's containers and deletes the pod.
	DeletePod Action = "DeletePod"
	// RemakePod lets the pod be created again after another component removed it.
	RemakePod Action = "RemakePod"
	// StopEarlier stops the containers of the previous attempt.
	StopEarlier Action = "StopEarlier"
	// StopEnded stops the containers of an ended run whose pod is still running.
	StopEnded Action = "StopEnded"
	// ReleaseSteps lets the first step of a held pod start.
	ReleaseSteps Action = "ReleaseSteps"
	// Release drops what was held for a run that has ended.
	Release Action = "Release"
)

// next returns the action for a state and its observations.
func next(state State, obs Observation) Action {
	switch state {
	case Unstarted:
		if obs.Unrecorded != nil {
			return ReplacePod
		}
		return CreatePod
	case Unresolved, Invalid:
		return withoutTask(obs)
	case StepLost, Unreported, TimedOut, Unpullable, Misconfigured, Unstartable, Unprepared, SandboxLost, Uncollectable:
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
	case Pending, Running:
		return releaseOf(obs.Pod)
	case Collected:
		if obs.Evidence.Set.Interrupted || forges(obs.Evidence.Set) {
			// The results sidecar was stopped before the steps, or a step wrote the record of its end: the outcome is
			// known, and the steps may still be running.
			return StopPod
		}
		return DoNothing
	case PodVanishing:
		return DeletePod
	case PodVanished:
		return RemakePod
	case Cancelled:
		if obs.Flags.KeepPodOnCancel {
			return StopPod
		}
		return DeletePod
	case Done:
		return afterEnd(obs)
	default:
		return DoNothing
	}
}

// withoutTask returns the action for a run whose task cannot run.
func withoutTask(obs Observation) Action {
	if obs.Pod != nil || obs.Unrecorded != nil || obs.Earlier.lingers() {
		return StopPod
	}
	return DoNothing
}

// afterEnd returns the action for a run that has ended.
func afterEnd(obs Observation) Action {
	if obs.Ended.outstays(obs.Now) {
		return StopEnded
	}
	return Release
}
