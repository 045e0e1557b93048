package taskrun

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/internal/transport"
)

// Outcome is how a run ended: a failed task is an outcome, not an error.
type Outcome struct {
	// Condition is Succeeded=True or Succeeded=False.
	Condition metav1.Condition
	// Results are the complete results. A failed run keeps them.
	Results []v1.TaskRunResult
	// StepResults are those of each step, by its index.
	StepResults [][]v1.TaskRunResult
	// Artifacts are those of the whole run, and StepArtifacts those of each step, by its index. A failed run keeps them.
	Artifacts     *v1.Artifacts
	StepArtifacts []v1.Artifacts
	// Signed reports whether the results are those that the steps signed; nil if they are not signed.
	Signed *metav1.Condition
}

// outcomeOf returns how the run, or this attempt of it, ended, or nil while it is running.
func outcomeOf(tr *v1.TaskRun, state State, obs Observation, plan Plan) *Outcome {
	switch state {
	case Unresolved:
		return failed(resolve.ReasonFor(obs.Unresolvable, v1.TaskRunReasonResolutionFailed), obs.Unresolvable.Error())
	case Invalid:
		return failed(invalidReason(plan.Invalid), plan.Invalid.Error())
	case Refused:
		return failed(v1.TaskRunReasonResultsLogAccessDenied, plan.Refusal.Message)
	case Blocked:
		return plan.Needs.Blocked
	case Unpullable:
		return unpullable(obs.Pod)
	case Misconfigured:
		h := waitReasonOfContainer(*containersOf(obs.Pod).misconfigured())
		return failed(h.Reason, h.Message)
	case Unstartable:
		return unstartable(obs)
	case Unprepared:
		return unpreparable(obs)
	case SandboxLost:
		return sandboxLostOutcome(obs.Pod)
	case StepLost, Unreported:
		return unstoppable(obs)
	case PodDeleted:
		return failed(v1.TaskRunReasonPodDeleted, fmt.Sprintf("pod %q was deleted before its steps ran; %s", obs.Pod.Name, silence(obs.Pod)))
	case Collected:
		return withHints(tr, withVerdict(collected(obs), obs), obs)
	case Uncollectable:
		return uncollectable(obs)
	case PodFailed:
		return podFailed(obs.Pod)
	case PodLost:
		return failed(v1.TaskRunReasonPodDeleted, fmt.Sprintf(
			"pod %q was deleted before what its steps did was known; start the run again, or set spec.retries", podName(tr).Name))
	case Cancelled:
		return withVerdict(cutShort(obs, v1.Failed(v1.TaskRunReasonCancelled, cancelMessage(tr))), obs)
	case TimedOut:
		return withVerdict(cutShort(obs, v1.Failed(v1.TaskRunReasonTimedOut, timeoutMessage(tr, obs))), obs)
	default:
		return nil
	}
}

// cutShort returns the outcome of a stopped run. It keeps the results that were already verified.
func cutShort(obs Observation, condition metav1.Condition) *Outcome {
	outcome := &Outcome{Condition: condition}
	if obs.Evidence.Set != nil {
		outcome.keep(transport.Decode(obs.Task.Spec, credible(obs.Evidence.Set)))
	}
	return outcome
}

// keep sets what is kept of the values of a run.
func (o *Outcome) keep(values transport.Values) {
	o.Results, o.StepResults = values.Task, values.Steps
	o.Artifacts, o.StepArtifacts = values.Artifacts, values.StepArtifacts
}

func cancelMessage(tr *v1.TaskRun) string {
	message := fmt.Sprintf("TaskRun %q was cancelled", tr.Name)
	if tr.Spec.StatusMessage != "" {
		message += ": " + string(tr.Spec.StatusMessage)
	}
	return message
}

func failed(reason, message string) *Outcome {
	return &Outcome{Condition: v1.Failed(reason, message)}
}

func unpullable(p *corev1.Pod) *Outcome {
	s := containersOf(p).unpullable()
	return failed(v1.TaskRunReasonImagePullFailed, fmt.Sprintf("container %q: image %q cannot be pulled: %s: %s",
		s.Name, s.Image, s.State.Waiting.Reason, s.State.Waiting.Message))
}

// unstartable returns the outcome of a run with a container that the kubelet cannot create or start.
func unstartable(obs Observation) *Outcome {
	s := obs.unstartable()
	reason := v1.TaskRunReasonFailed
	if s.State.Waiting.Reason == waitingPullError {
		reason = v1.TaskRunReasonImagePullFailed
	}
	message := waitReasonOfContainer(*s).Message
	if s.RestartCount > 0 {
		message += fmt.Sprintf("; it was started again %d times", s.RestartCount)
	}
	return failed(reason, message)
}

// unstoppable returns the outcome of a run whose pod was stopped because of what its steps left, if its node has not reported
// the end in time; nil before that.
func unstoppable(obs Observation) *Outcome {
	if !obs.unstoppable() {
		return nil
	}
	reason := v1.TaskRunReasonFailed
	if containersOf(obs.Pod).recordless() == nil {
		reason = v1.TaskRunReasonResultsUnavailable
	}
	return failed(reason, lossOf(obs.Pod)+"; "+silence(obs.Pod))
}

// lossOf returns why a pod whose steps are not reported is stopped.
func lossOf(p *corev1.Pod) string {
	if step := containersOf(p).recordless(); step != nil {
		return endOf(step)
	}
	return fmt.Sprintf("the steps have ended, and container %q has not reported their results", podpaths.ResultsContainer)
}

// silence returns a message that a node has not ended a pod.
func silence(p *corev1.Pod) string {
	return fmt.Sprintf("the pod was asked to end, and its node %q has not reported that it did", p.Spec.NodeName)
}

func podFailed(p *corev1.Pod) *Outcome {
	reason := podFailedReason(p)
	message := fmt.Sprintf("pod %q failed before its steps could run to their end", p.Name)
	if why := words(p.Status.Reason, p.Status.Message); why != "" {
		message += ": " + why
	}
	if s, end := failedInit(p); s != nil {
		if reason == v1.TaskRunReasonFailed {
			reason = initReason(end)
		}
		why := fmt.Sprintf("init container %q exited with code %d (%s)", s.Name, end.ExitCode, words(end.Reason, end.Message))
		if s.RestartCount > 0 {
			why += fmt.Sprintf(", and was started again %d times", s.RestartCount)
		}
		message = why + "; " + message
	} else if step := containersOf(p).recordless(); step != nil && reason == v1.TaskRunReasonFailed {
		message = endOf(step) + "; " + message
	}
	return failed(reason, message)
}

// podFailedReason returns the reason of a run whose pod has failed without its steps.
func podFailedReason(p *corev1.Pod) string {
	disruption, _ := disruption(p)
	switch {
	case evictedByKubelet(p):
		return v1.TaskRunReasonPodEvicted
	case disruption != "":
		return disruption
	case collectedAsGarbage(p): // it is deleted with the next request
		return v1.TaskRunReasonPodDeleted
	default:
		return v1.TaskRunReasonFailed
	}
}

// collectedAsGarbage reports whether the garbage collector of the cluster has marked the pod as failed, because its node is gone.
func collectedAsGarbage(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue && c.Reason == reasonPodGC
	})
}

// initReason returns the reason of a run with a failed init container that ended so.
func initReason(t *corev1.ContainerStateTerminated) string {
	if t.Reason == pod.ReasonOOMKilled {
		return v1.TaskRunReasonInitContainerOOM
	}
	return v1.TaskRunReasonInitContainerFailed
}

func uncollectable(obs Observation) *Outcome {
	err := obs.Evidence.Err
	when := "the results sidecar has ended before the steps"
	if obs.Pod == nil || containersOf(obs.Pod).ended() {
		when = "the steps have ended"
	}
	why := ""
	if obs.Pod != nil {
		if why = unstarted(containersOf(obs.Pod).transport); why != "" {
			why += ": "
		}
	}
	reason, message := v1.TaskRunReasonResultsUnavailable, fmt.Sprintf("%s, and their results cannot be read whole: %s%v", when, why, err)
	if obs.Pod != nil && obs.Pod.DeletionTimestamp == nil {
		message += fmt.Sprintf("; pod %q is kept for inspection", obs.Pod.Name)
	}
	if errors.Is(err, termination.ErrMalformed) {
		message += sharedBudget(obs.Pod)
	}
	if refusal := (*transport.RefusalError)(nil); errors.As(err, &refusal) {
		reason, message = v1.TaskRunReasonResultsLogAccessDenied, refusal.Message
	}
	step := failedStep(obs.Pod)
	if step != nil {
		// The failure of a step has precedence in the message.
		ended := fmt.Sprintf("container %q exited with code %d (%s)", step.Name, step.State.Terminated.ExitCode, step.State.Terminated.Reason)
		if !pod.LeftMessage(step.State.Terminated) {
			ended = endOf(step)
		}
		reason, message = v1.TaskRunReasonFailed, ended+"; "+message
	}
	unreadable := step == nil && reason == v1.TaskRunReasonResultsUnavailable
	if unreadable || step != nil && endedBySignal(step.State.Terminated.ExitCode) {
		if by, words := disruption(obs.Pod); by != "" {
			reason, message = by, message+"; "+words
		}
	}
	return failed(reason, message)
}

// sharedBudget returns a message with the injected containers that take a share of the termination messages, which the steps
// could not know about.
func sharedBudget(p *corev1.Pod) string {
	injected := pod.Injected(p)
	if len(injected) == 0 {
		return ""
	}
	return fmt.Sprintf("; the kubelet divides %d bytes among all containers of the pod, and %q were injected into it; "+
		"set results-from: sidecar-logs in ConfigMap feature-flags", termination.MaxPod, injected)
}

// failedStep returns the first failed step, according to the pod's status alone; nil if there is none.
func failedStep(p *corev1.Pod) *corev1.ContainerStatus {
	if p == nil {
		return nil
	}
	steps := containersOf(p).steps
	i := slices.IndexFunc(steps, func(s corev1.ContainerStatus) bool {
		return s.State.Terminated != nil && s.State.Terminated.ExitCode != 0
	})
	if i < 0 {
		return nil
	}
	return &steps[i]
}

// collected returns the outcome for the records of the steps. It checks in the order of importance for users: a failed step,
// then results that could not be transported, then results of the wrong type.
func collected(obs Observation) *Outcome {
	set := obs.Evidence.Set
	values := transport.Decode(obs.Task.Spec, credible(set))
	outcome := &Outcome{}
	outcome.keep(values)
	var also []string
	sidecars := sidecarMessages(obs.Pod)
	if set.Problems != nil {
		reason, messages := problems(obs.Task.Spec, set.Problems)
		outcome.Condition, also = v1.Failed(reason, strings.Join(messages, "; ")), messages
	} else if len(values.Wrong) > 0 {
		outcome.Condition, also = v1.Failed(wrongReason(values), strings.Join(values.Wrong, "; ")), values.Wrong
	}
	if reason, message := stepFailure(obs.Pod, set); reason != "" {
		if reason == v1.TaskRunReasonFailed && sidecarOutOfMemory(obs.Pod) {
			reason = v1.TaskRunReasonSidecarOOM
		}
		outcome.Condition = v1.Failed(reason, strings.Join(slices.Concat([]string{message}, sidecars, also), "; "))
	} else if missing := missingRecord(obs.Task.Spec, set); also == nil && missing != "" {
		outcome.Condition = v1.Failed(v1.TaskRunReasonResultsUnavailable, missing)
	} else if also == nil {
		outcome.Condition = v1.Succeeded(strings.Join(append([]string{"All steps have completed"}, sidecars...), "; "))
	}
	return outcome
}

// wrongReason returns the reason of a run with results that do not match their declarations.
func wrongReason(values transport.Values) string {
	if values.TooLarge {
		return v1.TaskRunReasonResultTooLarge
	}
	return v1.TaskRunReasonValidationFailed
}

// missingRecord names the step without a record in a set; empty if the set has one of each. A step without a record may have
// failed.
func missingRecord(spec *v1.TaskSpec, set *collect.Set) string {
	for _, name := range podpaths.StepContainers(spec) {
		if !slices.ContainsFunc(set.Steps, func(s frame.Step) bool { return s.Name == name }) {
			return fmt.Sprintf("the results were read whole, and they have no record of container %q", name)
		}
	}
	if set.Interrupted {
		return "the results sidecar was asked to end before all steps had ended"
	}
	return ""
}

// stepFailure returns the reason and message of the first step that failed. Skipped steps only follow it.
func stepFailure(p *corev1.Pod, set *collect.Set) (reason, message string) {
	for _, step := range set.Steps {
		if continuesAfter(step) || step.Reason == frame.ReasonSkipped {
			continue
		}
		message = fmt.Sprintf("%q exited with code %d (%s)", step.Name, step.ExitCode, step.Reason)
		if step.Message != "" {
			message += ": " + step.Message
		}
		if reason, why := disruptionOf(p, step); reason != "" {
			return reason, message + "; " + why
		}
		if oomKilled(p, step.Name) {
			return v1.TaskRunReasonStepOOM, message + ": it used more memory than its limit"
		}
		if lost := cutShortBy(p, step); lost != nil {
			if lost.State.Terminated.Reason == pod.ReasonOOMKilled {
				return v1.TaskRunReasonStepOOM, fmt.Sprintf("%q used more memory than its limit; %s", lost.Name, message)
			}
			return v1.TaskRunReasonFailed, endOf(lost) + "; " + message
		}
		return v1.TaskRunReasonFailed, message
	}
	// A container that was never started has not completed, whatever the records are.
	if p != nil {
		if why := unstarted(containersOf(p).steps); why != "" {
			return v1.TaskRunReasonFailed, why
		}
	}
	// No step failed, so none can have been skipped because of that.
	for _, step := range set.Steps {
		if step.Reason == frame.ReasonSkipped && step.ExitCode != 0 {
			return v1.TaskRunReasonFailed, fmt.Sprintf("%q was skipped as after a failure, and no step before it has failed", step.Name)
		}
	}
	return "", ""
}

// continuesAfter reports whether a task continues after a step with this record.
func continuesAfter(step frame.Step) bool {
	return step.Reason == frame.ReasonCompleted || step.Reason == frame.ReasonContinued
}

func oomKilled(p *corev1.Pod, container string) bool {
	if p == nil {
		return false
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.Name == container && s.State.Terminated != nil && s.State.Terminated.Reason == pod.ReasonOOMKilled {
			return true
		}
	}
	return false
}
