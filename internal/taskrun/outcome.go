package taskrun

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/extract"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// reasonEvicted is what the kubelet writes into the status of a pod that it evicts.
const reasonEvicted = "Evicted"

// Outcome is how a run ended: a failed task is an outcome, not an error.
type Outcome struct {
	// Condition is Succeeded=True or Succeeded=False.
	Condition metav1.Condition
	// Results that are whole. A failed run keeps them.
	Results []v1.TaskRunResult
}

// outcomeOf returns how the run, or this attempt of it, ended, or nil while it goes on.
func outcomeOf(tr *v1.TaskRun, state State, obs Observation) *Outcome {
	switch state {
	case Unresolved:
		return failed(v1.TaskRunReasonResolutionFailed, obs.Unresolvable.Error())
	case Invalid:
		return failed(v1.TaskRunReasonValidationFailed, obs.Invalid.Error())
	case Refused:
		return failed(v1.TaskRunReasonResultsLogAccessDenied, obs.Refusal.Message)
	case Unpullable:
		return unpullable(obs.Pod)
	case Misconfigured:
		h := hindranceOfContainer(*containersOf(obs.Pod).misconfigured())
		return failed(h.Reason, h.Message)
	case Collected:
		return collected(obs)
	case Uncollectable:
		return uncollectable(tr, obs)
	case PodFailed:
		return podFailed(obs.Pod)
	case PodLost:
		return failed(v1.TaskRunReasonPodDeleted, fmt.Sprintf(
			"pod %q was deleted before what its steps did was known", tr.Status.PodName))
	case Cancelled:
		return cutShort(obs, v1.Failed(v1.TaskRunReasonCancelled, cancelMessage(tr)))
	case TimedOut:
		return cutShort(obs, v1.Failed(v1.TaskRunReasonTimedOut, fmt.Sprintf(
			"the run did not end within %s; set spec.timeout to allow for more", obs.timeout(tr))))
	default:
		return nil
	}
}

// cutShort is the outcome of a run that was stopped. What it has produced and was verified before that stays.
func cutShort(obs Observation, condition metav1.Condition) *Outcome {
	outcome := &Outcome{Condition: condition}
	if obs.Evidence.Set != nil {
		outcome.Results, _ = typed(obs.Task.Spec, obs.Evidence.Set.Results)
	}
	return outcome
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

func podFailed(p *corev1.Pod) *Outcome {
	reason := v1.TaskRunReasonFailed
	if p.Status.Reason == reasonEvicted {
		reason = v1.TaskRunReasonPodEvicted
	}
	return failed(reason, fmt.Sprintf("pod %q failed before its steps could run to their end: %s: %s",
		p.Name, p.Status.Reason, p.Status.Message))
}

func uncollectable(tr *v1.TaskRun, obs Observation) *Outcome {
	err := obs.Evidence.Err
	reason, message := v1.TaskRunReasonResultsUnavailable, fmt.Sprintf(
		"the steps have ended, and their results cannot be read whole: %v; pod %q is kept for inspection", err, tr.Status.PodName)
	if refusal := (*extract.RefusalError)(nil); errors.As(err, &refusal) {
		reason, message = v1.TaskRunReasonResultsLogAccessDenied, refusal.Message
	}
	if step := failedStep(obs.Pod); step != "" {
		// That a step failed is what a user must hear first.
		reason, message = v1.TaskRunReasonFailed, step+"; "+message
	}
	return failed(reason, message)
}

// failedStep says from a pod's status alone which step failed; empty when none did.
func failedStep(p *corev1.Pod) string {
	if p == nil {
		return ""
	}
	for _, s := range containersOf(p).steps {
		if t := s.State.Terminated; t != nil && t.ExitCode != 0 {
			return fmt.Sprintf("container %q exited with code %d (%s)", s.Name, t.ExitCode, t.Reason)
		}
	}
	return ""
}

// collected turns what the steps recorded into the outcome. The order of what is looked at is the order in which a
// user wants to hear it: a step that failed, then results that could not be carried, then results of the wrong type.
func collected(obs Observation) *Outcome {
	set := obs.Evidence.Set
	values, wrong := typed(obs.Task.Spec, set.Results)
	outcome := &Outcome{Results: values}
	var also []string
	sidecars := sidecarMessages(obs.Pod)
	if set.Problems != nil {
		reason, messages := problems(set.Problems)
		outcome.Condition, also = v1.Failed(reason, strings.Join(messages, "; ")), messages
	} else if len(wrong) > 0 {
		outcome.Condition, also = v1.Failed(v1.TaskRunReasonValidationFailed, strings.Join(wrong, "; ")), wrong
	}
	if reason, message := stepFailure(obs.Pod, set); reason != "" {
		if reason == v1.TaskRunReasonFailed && slices.ContainsFunc(troubles(obs.Pod), func(t sidecarTrouble) bool { return t.outOfMemory }) {
			reason = v1.TaskRunReasonSidecarOOM
		}
		outcome.Condition = v1.Failed(reason, strings.Join(slices.Concat([]string{message}, sidecars, also), "; "))
	} else if also == nil {
		outcome.Condition = v1.Succeeded(strings.Join(append([]string{"All steps have completed"}, sidecars...), "; "))
	}
	return outcome
}

// typed decodes each value by its declared type; what cannot be is described.
func typed(spec *v1.TaskSpec, whole []frame.Result) (values []v1.TaskRunResult, wrong []string) {
	raw := make(map[string]frame.Result, len(whole))
	for _, r := range whole {
		raw[r.Name] = r
	}
	for _, declared := range spec.Results {
		r, ok := raw[declared.Name]
		if !ok {
			continue // declared and not written is allowed: the result is absent
		}
		value, err := v1.ResultFromBytes(declared, r.Value)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		values = append(values, v1.TaskRunResult{Name: declared.Name, Type: value.Type, Value: value})
	}
	return values, wrong
}

// problems describes results that could not be carried. The reason is that of the first.
func problems(list []frame.Problem) (reason string, messages []string) {
	for i, p := range list {
		r, message := problem(p)
		if i == 0 {
			reason = r
		}
		messages = append(messages, message)
	}
	return reason, messages
}

func problem(p frame.Problem) (reason, message string) {
	detail := ""
	if p.Detail != "" {
		detail = ": " + p.Detail
	}
	switch p.Kind {
	case frame.TooLarge:
		return v1.TaskRunReasonResultTooLarge, fmt.Sprintf("result %q has %d bytes, more than the limit of %d%s; "+
			"raise max-result-size in ConfigMap feature-flags (with results-from: sidecar-logs up to %d)",
			p.Result, p.Size, p.Limit, detail, results.ObjectLimit-1)
	case frame.OverBudget:
		return v1.TaskRunReasonResultTooLarge, fmt.Sprintf("the results of %q need %d bytes in its termination message, more than "+
			"the limit of %d; result %q takes most of them; set results-from: sidecar-logs in ConfigMap feature-flags",
			p.Detail, p.Size, p.Limit, p.Result)
	case frame.TotalTooLarge:
		return v1.TaskRunReasonResultTooLarge, fmt.Sprintf("with result %q all results together have %d bytes, more than the %d "+
			"that one object can hold%s; hand large data on through a workspace", p.Result, p.Size, p.Limit, detail)
	case frame.NotUTF8:
		return v1.TaskRunReasonResultNotUTF8, fmt.Sprintf("result %q is not valid UTF-8, which the API cannot hold unchanged%s; "+
			"encode it in the step, for example with base64", p.Result, detail)
	default:
		return v1.TaskRunReasonResultUnreadable, fmt.Sprintf("result %q cannot be read (%s)%s; write it as a plain file at %s",
			p.Result, p.Kind, detail, pod.ResultPath(p.Result))
	}
}

// stepFailure returns the reason and message of the first step that did not end well; skipped ones only follow it.
func stepFailure(p *corev1.Pod, set *collect.Set) (reason, message string) {
	for _, step := range set.Steps {
		if wellEnded(step) || step.Reason == frame.ReasonSkipped {
			continue
		}
		message = fmt.Sprintf("%q exited with code %d (%s)", step.Name, step.ExitCode, step.Reason)
		if step.Message != "" {
			message += ": " + step.Message
		}
		if p != nil && p.Status.Reason == reasonEvicted {
			return v1.TaskRunReasonPodEvicted, message + ": " + p.Status.Message
		}
		if oomKilled(p, step.Name) {
			return v1.TaskRunReasonStepOOM, message + ": it used more memory than its limit"
		}
		return v1.TaskRunReasonFailed, message
	}
	return "", ""
}

// wellEnded reports whether a step keeps its task from nothing.
func wellEnded(step frame.Step) bool {
	return step.Reason == frame.ReasonCompleted || step.Reason == frame.ReasonContinued
}

func oomKilled(p *corev1.Pod, container string) bool {
	if p == nil {
		return false
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.Name == container && s.State.Terminated != nil && s.State.Terminated.Reason == reasonOOMKilled {
			return true
		}
	}
	return false
}
