package taskrun

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// Effect is the outcome of an action.
type Effect struct {
	// Pod is the pod that was created or adopted.
	Pod *corev1.Pod
	// Outcome is set if the action found that the run cannot continue.
	Outcome *Outcome
	// Left is a stopped pod of another task. The run that ends with it has its name.
	Left *corev1.Pod
	// Remade reports that the pod, which is gone, is created again.
	Remade bool
	// Waiting is what the run waits for before the action can be done; nil if it does not wait.
	Waiting *WaitReason
}

// statusFor computes the complete status of a run that has not ended. A run is marked as ended only together with its
// results, or with the reason why there are none: there is no time at which one is stored without the other. Oversize reports
// that the object could not hold its results.
func statusFor(
	tr *v1.TaskRun, state State, obs Observation, plan Plan, effect Effect,
) (status v1.TaskRunStatus, oversize bool) {
	status = *tr.Status.DeepCopy()
	now := metav1.NewTime(obs.Now)
	status.ObservedGeneration = tr.Generation
	switch state {
	case Held:
		status.SetCondition(v1.Running(v1.TaskRunReasonHeld, messageHeld), now)
		return status, false
	case PodMissing: // for some milliseconds
		return status, false
	default:
	}
	recordObserved(&status, tr, obs, effect)
	if effect.Remade {
		status.PodName, status.Steps, status.Sidecars = "", sourcesOf(status.Steps), nil
	}

	outcome := effect.Outcome
	if outcome == nil {
		outcome = outcomeOf(tr, state, obs, plan)
	}
	if outcome == nil {
		status.SetCondition(progress(state, obs, plan, effect), now)
		if effect.Waiting != nil && effect.Waiting.Reason == v1.TaskRunReasonExceededResourceQuota {
			status.StartTime = nil // the time until there is room does not count for the run
		}
		return status, false
	}
	if left := cmp.Or(effect.Left, obs.Unrecorded); left != nil {
		status.PodName = left.Name // by this name it is watched until it has ended
	}
	status.Results = outcome.Results
	for i := range min(len(status.Steps), len(outcome.StepResults)) {
		status.Steps[i].Results = outcome.StepResults[i]
	}
	status.Artifacts = outcome.Artifacts
	for i := range min(len(status.Steps), len(outcome.StepArtifacts)) {
		status.Steps[i].Inputs, status.Steps[i].Outputs = outcome.StepArtifacts[i].Inputs, outcome.StepArtifacts[i].Outputs
	}
	status.CompletionTime = &now
	status.SetCondition(outcome.Condition, now)
	if outcome.Signed != nil {
		status.SetCondition(*outcome.Signed, now)
	}
	if outcome.Condition.Status == metav1.ConditionFalse {
		finish(status.Steps, outcome.Condition.Reason, now)
		status.SetCondition(withOnError(tr, outcome.Condition), now)
	}
	status, oversize = runKind().Fit(tr, status, now)
	if retriable(tr, *status.Condition()) {
		return begunAnew(tr, status, now), oversize
	}
	return withShownSpec(tr, status, obs), oversize
}

// recordObserved writes what is known of the run, of its pod and of its steps, whether it has ended or not.
func recordObserved(status *v1.TaskRunStatus, tr *v1.TaskRun, obs Observation, effect Effect) {
	if status.StartTime == nil {
		status.StartTime = new(metav1.NewTime(obs.Now))
	}
	status.SpanContext = obs.SpanContext
	if trusted := resolve.TrustCondition(obs.Trust); trusted != nil {
		status.SetCondition(*trusted, metav1.NewTime(obs.Now))
	}
	if status.TaskSpec == nil && obs.Recordable {
		status.TaskSpec = obs.Task.Spec
	}
	p := cmp.Or(effect.Pod, obs.Pod)
	if p != nil {
		status.PodName = p.Name
	}
	if status.Provenance == nil && obs.Resolving == nil {
		status.Provenance = provenanceOf(tr, obs)
	}
	var records []frame.Step
	if set := obs.Evidence.Set; set != nil {
		records = set.Steps
	}
	status.Steps = withSources(status.Steps, obs.Task)
	status.Steps = stepStates(status.Steps, p, records, *status.StartTime)
	status.Sidecars = sidecarStates(status.Sidecars, p, *status.StartTime)
}

// withOnError changes the end of a failed run. If the pipeline continues anyway, the reason says so, as in the public API:
// for failures of the pod and its steps that are not retried.
func withOnError(tr *v1.TaskRun, end metav1.Condition) metav1.Condition {
	if tr.Annotations[v1.AnnotationOnError] != string(v1.OnErrorContinue) || retriable(tr, end) {
		return end
	}
	switch end.Reason {
	case v1.TaskRunReasonFailed:
	case v1.TaskRunReasonStepOOM, v1.TaskRunReasonSidecarOOM, v1.TaskRunReasonPodEvicted,
		v1.TaskRunReasonInitContainerFailed, v1.TaskRunReasonInitContainerOOM:
		end.Message = end.Reason + ": " + end.Message
	default:
		return end
	}
	end.Reason = v1.TaskRunReasonFailureIgnored
	return end
}

// provenanceOf returns where the task of a run comes from, and the flags for all its attempts.
func provenanceOf(tr *v1.TaskRun, obs Observation) *v1.Provenance {
	flags := &v1.FeatureFlags{
		ResultExtractionMethod: string(obs.ResultsFrom),
		MaxResultSize:          obs.Flags.MaxResultSize,
	}
	if obs.signs() {
		flags.EnforceNonfalsifiability = string(obs.Flags.Signing.By)
		flags.SignedResultsPolicy = string(obs.Flags.Signing.Policy)
		flags.SignedResultsIdentity = identityOf(tr, obs.Flags)
	}
	return &v1.Provenance{RefSource: obs.Task.Source, FeatureFlags: flags}
}

// Messages of normal progress.
const (
	messageStarting = "containers are starting"
	messageRunning  = "steps are running"
	messageHeld     = "the run is held by spec.status; it starts when that is emptied"
	messageEarlier  = "the attempt before is still ending its pod"
)

// messageUnread is the message of a run whose results the controller has had no room to read for some time.
const messageUnread = "waiting to read the results: the results of other runs take all the memory, or all the places, that " +
	"the controller has for them"

// routine reports whether a condition is normal progress, which needs no event.
func routine(c *metav1.Condition) bool {
	switch c.Message {
	case messageStarting, messageRunning, messageHeld, messageEarlier:
		return true
	}
	return c.Reason == v1.TaskRunReasonResolvingTaskRef || c.Reason == v1.TaskRunReasonResolvingStepActionRef
}

// progress returns the condition of a running run. Its message has no times and no counts, so that it changes only when there
// is news.
func progress(state State, obs Observation, plan Plan, effect Effect) metav1.Condition {
	switch {
	case effect.Waiting != nil:
		return v1.Running(effect.Waiting.Reason, effect.Waiting.Message)
	case state == Resolving:
		return v1.Running(obs.Resolving.Reason(), obs.Resolving.Message)
	case state == Waiting:
		return v1.Running(plan.Needs.Waiting.Reason, plan.Needs.Waiting.Message)
	case state == PodVanishing:
		return v1.Running(v1.TaskRunReasonPending, removedMessage(obs.Pod))
	case effect.Pod != nil:
		return v1.Running(v1.TaskRunReasonPending, messageStarting)
	case state == Pending:
		return pending(obs)
	case state == StepLost, state == Unreported:
		return v1.Running(v1.TaskRunReasonRunning, lossOf(obs.Pod)+"; stopping the pod")
	case obs.Unverified != nil:
		return v1.Running(v1.TaskRunReasonRunning, "cannot verify the signed results yet, trying again: "+obs.Unverified.Error())
	case obs.Evidence.Unread && obs.Evidence.Waited >= reconcile.RetryPeriod:
		return v1.Running(v1.TaskRunReasonRunning, messageUnread)
	case obs.Evidence.Err != nil:
		return v1.Running(v1.TaskRunReasonRunning, "cannot read the results yet, trying again: "+obs.Evidence.Err.Error())
	}
	if injected := awaitedInjected(obs.Pod); injected != "" {
		return v1.Running(v1.TaskRunReasonRunning, "the first step waits for "+injected)
	}
	return v1.Running(v1.TaskRunReasonRunning, strings.Join(append([]string{messageRunning}, sidecarMessages(obs.Pod)...), "; "))
}

func pending(obs Observation) metav1.Condition {
	if h := waitReasonOf(obs); h != nil {
		return v1.Running(h.Reason, h.Message)
	}
	return v1.Running(v1.TaskRunReasonPending, messageStarting)
}

// stepStates merges the steps' states in the pod's status with their own records. Records are newer: a step may have ended
// long before its kubelet reports it.
func stepStates(before []v1.StepState, p *corev1.Pod, records []frame.Step, start metav1.Time) []v1.StepState {
	if p == nil {
		return before
	}
	states := make([]v1.StepState, 0, len(p.Spec.Containers))
	for _, s := range containersOf(p).steps {
		state := v1.StepState{
			Name: podpaths.StepOf(s.Name), Container: s.Name, ImageID: s.ImageID,
			ContainerState: significant(s.State),
		}
		if pod.Unlocated(s) {
			state.ContainerState = corev1.ContainerState{} // it has not run; the end of the run says more
		}
		if state.Terminated != nil {
			state.Terminated.Message = "" // the step's record in its wire format
			state.TerminationReason = state.Terminated.Reason
		}
		if known := stepOf(before, s.Name); known != nil {
			state.Provenance = known.Provenance
		}
		i := slices.IndexFunc(records, func(r frame.Step) bool { return r.Name == s.Name })
		if i >= 0 {
			merge(&state, records[i])
		}
		fillTimes(&state.ContainerState, start)
		states = append(states, state)
	}
	return states
}

// significant returns a container's state, or none while the container is only about to be created, as every one is: a status
// is not written for that alone.
func significant(state corev1.ContainerState) corev1.ContainerState {
	if w := state.Waiting; w != nil && w.Message == "" && (w.Reason == "ContainerCreating" || w.Reason == "PodInitializing") {
		return corev1.ContainerState{}
	}
	return *state.DeepCopy()
}

// The values of status.steps[].terminationReason for steps that were cut short, in addition to those of the records.
const (
	terminationCancelled  = "Cancelled"
	terminationTimedOut   = "TimeoutExceeded"
	terminationUnfinished = "Unfinished"
)

// finish ends the steps of a run that has ended without waiting for them, with the run's reason: their ends will not be
// observed, and a client must not consider them as running.
func finish(steps []v1.StepState, reason string, now metav1.Time) {
	for i := range steps {
		s := &steps[i]
		if s.Terminated != nil {
			continue
		}
		terminated := &corev1.ContainerStateTerminated{ExitCode: 1, Reason: reason, StartedAt: now, FinishedAt: now}
		if s.Running != nil {
			terminated.StartedAt = s.Running.StartedAt
		}
		s.ContainerState = corev1.ContainerState{Terminated: terminated}
		switch reason {
		case v1.TaskRunReasonCancelled:
			s.TerminationReason = terminationCancelled
		case v1.TaskRunReasonTimedOut:
			s.TerminationReason = terminationTimedOut
		default:
			s.TerminationReason = terminationUnfinished
		}
	}
}

// fillTimes sets the times of a container that never started, or whose end was not seen, to the nearest known time. The
// kubelet reports null, which is not valid in a schema with a date.
func fillTimes(state *corev1.ContainerState, start metav1.Time) {
	if r := state.Running; r != nil && r.StartedAt.IsZero() {
		r.StartedAt = start
	}
	t := state.Terminated
	if t == nil {
		return
	}
	if t.StartedAt.IsZero() {
		t.StartedAt = t.FinishedAt
	}
	if t.StartedAt.IsZero() {
		t.StartedAt = start
	}
	if t.FinishedAt.IsZero() {
		t.FinishedAt = t.StartedAt
	}
}

func sidecarStates(before []v1.SidecarState, p *corev1.Pod, start metav1.Time) []v1.SidecarState {
	if p == nil {
		return before
	}
	var states []v1.SidecarState
	for _, s := range p.Status.InitContainerStatuses {
		name, ok := podpaths.SidecarOf(s.Name)
		if !ok {
			continue
		}
		state := v1.SidecarState{Name: name, Container: s.Name, ImageID: s.ImageID, ContainerState: significant(s.State)}
		fillTimes(&state.ContainerState, start)
		states = append(states, state)
	}
	return states
}
