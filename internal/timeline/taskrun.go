package timeline

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Pods are pods by their names. A pod that is missing makes the timeline less detailed.
type Pods map[string]*corev1.Pod

// OfTaskRun returns the timeline of a TaskRun: its attempts, their phases and their steps. Now ends what has not ended.
func OfTaskRun(tr *v1.TaskRun, pods Pods, now time.Time) Span {
	return limited(fitted(taskRun(tr, pods, now)), MaxSpans)
}

func taskRun(tr *v1.TaskRun, pods Pods, now time.Time) Span {
	s := ofRun(run{
		kind: TaskRun, object: tr, condition: tr.Status.Condition(), start: tr.Status.StartTime, completion: tr.Status.CompletionTime,
	}, now)
	s.Attributes = append(s.Attributes, text(
		KeyTask, tr.Labels[v1.LabelTask], keyTaskRunID, string(tr.UID), keyTaskResult, resultOf(tr.Status.Condition()),
		keyPod, tr.Status.PodName)...)
	attempts := attemptsOf(tr, pods)
	if len(attempts) == 1 {
		s.Children = attempts[0].spans(period{s.End, s.Open, s.State}, s.Start)
		return s
	}
	from := s.Start
	for i, a := range attempts {
		p := period{s.End, s.Open, s.State}
		if i < len(attempts)-1 {
			p = period{timeOf(a.completion), false, stateOf(a.condition)}
		}
		one := Span{Kind: Attempt, Name: fmt.Sprintf("attempt %d", i+1), Start: from, End: p.end, Open: p.open, State: p.state}
		one.Attributes = text(keyPod, a.podName, keyReason, reasonOf(a.condition), KeyMessage, messageOf(a.condition))
		one.Children = a.spans(p, from)
		s.Children = append(s.Children, one)
		from = p.end
	}
	return s
}

// attempt is one attempt of a TaskRun.
type attempt struct {
	start, completion *metav1.Time
	condition         *metav1.Condition
	podName           string
	pod               *corev1.Pod
	steps             []v1.StepState
}

// attemptsOf returns the attempts of a TaskRun, the current one last.
func attemptsOf(tr *v1.TaskRun, pods Pods) []attempt {
	all := make([]attempt, 0, len(tr.Status.RetriesStatus)+1)
	for i := range tr.Status.RetriesStatus {
		r := &tr.Status.RetriesStatus[i]
		all = append(all, attempt{
			start: r.StartTime, completion: r.CompletionTime, condition: meta.FindStatusCondition(r.Conditions, v1.ConditionSucceeded),
			podName: r.PodName, pod: pods[r.PodName], steps: r.Steps,
		})
	}
	s := &tr.Status
	return append(all, attempt{
		start: s.StartTime, completion: s.CompletionTime, condition: s.Condition(), podName: s.PodName, pod: pods[s.PodName], steps: s.Steps,
	})
}

// spans returns the phases and the steps of an attempt that begins with a wait from a time.
func (a attempt) spans(p period, from time.Time) []Span {
	steps := a.stepSpans(p)
	spans, reached := p.phases(from, a.marks(steps))
	spans = append(spans, steps...)
	if len(steps) == 0 || len(steps) < len(a.steps) || steps[len(steps)-1].Open {
		return spans
	}
	if last := lastEnd(steps); last.After(reached) {
		reached = last
	}
	return append(spans, p.closing(steps, reached)...)
}

// marks returns the ends of the phases before the first step.
func (a attempt) marks(steps []Span) []mark {
	var first time.Time
	if len(steps) > 0 {
		first = steps[0].Start
	}
	marks := []mark{{Queue, timeOf(a.start)}}
	if a.pod == nil {
		return append(marks, mark{Pod, first})
	}
	return append(marks,
		mark{Resolve, a.pod.CreationTimestamp.Time},
		mark{Schedule, reachedAt(a.pod, corev1.PodScheduled)},
		mark{Init, reachedAt(a.pod, corev1.PodInitialized)},
		mark{Images, first})
}

// reachedAt returns the time at which a condition of a pod became true; zero if it is not.
func reachedAt(p *corev1.Pod, kind corev1.PodConditionType) time.Time {
	for i := range p.Status.Conditions {
		if c := &p.Status.Conditions[i]; c.Type == kind && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// stepSpans returns the steps that have begun. All containers of a pod start together and wait for their turns, so a step begins
// at the earliest when the step before it has ended.
func (a attempt) stepSpans(p period) []Span {
	var spans []Span
	var before time.Time
	for i := range a.steps {
		s := &a.steps[i]
		span := Span{Kind: Step, Name: s.Name, Attributes: text(keyContainer, s.Container, keyImage, s.ImageID)}
		switch {
		case s.Terminated != nil:
			span.Start, span.End = s.Terminated.StartedAt.Time, s.Terminated.FinishedAt.Time
			span.State = stepState(s)
			span.Attributes = append(span.Attributes, text(keyReason, s.TerminationReason)...)
			span.Attributes = append(span.Attributes, Attribute{Key: keyExitCode, Number: int64(s.Terminated.ExitCode), Numeric: true})
		case s.Running != nil && p.open:
			span.Start, span.End, span.Open, span.State = s.Running.StartedAt.Time, p.end, true, StateRunning
		default:
			return spans
		}
		if span.Start.Before(before) {
			span.Start = before
		}
		if span.End.Before(span.Start) {
			span.End = span.Start
		}
		before = span.End
		if spans = append(spans, span); span.Open {
			return spans
		}
	}
	return spans
}

// stepState returns the state of a step that has ended.
func stepState(s *v1.StepState) State {
	switch s.TerminationReason {
	case "Skipped":
		return StateSkipped
	case "Cancelled":
		return StateCancelled
	case "", "Completed":
		if s.Terminated.ExitCode == 0 {
			return StateSucceeded
		}
	}
	return StateFailed
}
