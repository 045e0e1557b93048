package pipelinerun

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Outcome is how a run ended: a failed task is an outcome, not an error.
type Outcome struct {
	// Condition is Succeeded=True or Succeeded=False.
	Condition metav1.Condition
	// Results are the results of the pipeline. A failed run keeps those that could be computed.
	Results []v1.PipelineRunResult
	// Unwritten are sentences about the results that are absent although their task succeeded.
	Unwritten []string
}

// refused returns the condition of a run that ends before it starts.
func refused(pr *v1.PipelineRun, state State, obs Observation) metav1.Condition {
	switch state {
	case CancelledBeforeStart:
		return v1.Failed(v1.PipelineRunReasonCancelled, fmt.Sprintf("PipelineRun %q was cancelled before it started", pr.Name))
	case Late:
		return v1.Failed(v1.PipelineRunReasonTimedOut, fmt.Sprintf("PipelineRun %q: it took longer than %s; it was %s; set "+
			"spec.timeouts.pipeline to allow for more", pr.Name, obs.Timeouts.Pipeline, obs.Resolving.Message))
	case Unresolved:
		return v1.Failed(resolve.ReasonFor(obs.Unresolvable, v1.PipelineRunReasonCouldntGetPipeline), obs.Unresolvable.Error())
	default:
		return v1.Failed(obs.Invalid.Reason, obs.Invalid.Message)
	}
}

// ended returns the outcome of a run in which nothing is running any more.
func ended(pr *v1.PipelineRun, obs Observation, plan Plan, t *summary) *Outcome {
	var values []v1.PipelineRunResult
	var absent []substitute.AbsentResult
	err := plan.TooMuch
	if err == nil {
		values, absent, err = substitute.PipelineResults(obs.Spec.Results, obs.Vars, plan.Results)
	}
	if reason, message := failure(pr, obs, plan, t); reason != "" {
		message += unansweredNote(plan.unanswered()) + plan.incompleteNote()
		return &Outcome{Condition: v1.Failed(reason, message), Results: values}
	}
	if err != nil {
		reason := v1.PipelineRunReasonCouldntGetPipelineResult
		if tooLong(err) {
			reason = v1.PipelineRunReasonResultTooLarge
		}
		return &Outcome{Condition: v1.Failed(reason, fmt.Sprintf("%s; %v", t, err))}
	}
	outcome := &Outcome{Results: values, Unwritten: unwritten(absent, plan.Tasks)}
	message := t.String() + enumerated(leftOut(absent, plan.Tasks)) + enumerated(plan.Shorter)
	if len(t.skipped) > 0 {
		outcome.Condition = v1.Completed(message)
	} else {
		outcome.Condition = v1.Succeeded(message)
	}
	return outcome
}

// failure returns why the run did not succeed; the reason is empty if it did. A cancellation or timeout of the run has
// precedence over its effects on the tasks.
func failure(pr *v1.PipelineRun, obs Observation, plan Plan, t *summary) (reason, message string) {
	switch {
	case pr.Spec.Status == v1.PipelineRunSpecStatusCancelled && plan.cutShort():
		return v1.PipelineRunReasonCancelled, fmt.Sprintf("PipelineRun %q was cancelled; %s", pr.Name, t)
	case plan.timedOut(pr, obs) != "":
		return v1.PipelineRunReasonTimedOut, fmt.Sprintf("PipelineRun %q: %s; %s", pr.Name, plan.timedOut(pr, obs), t)
	case t.failure != "":
		return t.reason, fmt.Sprintf("%s; %s", t, t.failure) + taskHints(pr, obs.Spec, t.failedTask)
	case gracefully(pr) && plan.cutShort():
		return v1.PipelineRunReasonCancelled, fmt.Sprintf("PipelineRun %q was cancelled by %s; %s", pr.Name, pr.Spec.Status, t)
	case t.cancelled > 0:
		return v1.PipelineRunReasonCancelled, t.String()
	}
	return "", ""
}

// unansweredNote returns the last part of a message, about children that have not ended.
func unansweredNote(names []string) string {
	const most = 5
	if len(names) == 0 {
		return ""
	}
	list := fmt.Sprintf("%q", names[:min(len(names), most)])
	if more := len(names) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("; these did not end within %s after they were cancelled or deleted: %s; they may still run", StopGrace, list)
}

// partEnd returns when the part of the run that a task is in has ended: the begin of finally ends the other tasks.
func partEnd(s *TaskState, finally, now time.Time) time.Time {
	if s.Final || finally.IsZero() {
		return now
	}
	return finally
}

// incompleteNote returns the last part of a message, about matrices of which not all combinations were started.
func (p *Plan) incompleteNote() string {
	var note strings.Builder
	for i := range p.Tasks {
		if s := &p.Tasks[i]; s.incomplete() {
			fmt.Fprintf(&note, "; of the %d combinations of task %q, %d were started", s.combinations(), s.Task.Name, len(s.Children))
		}
	}
	return note.String()
}

func gracefully(pr *v1.PipelineRun) bool {
	return pr.Spec.Status == v1.PipelineRunSpecStatusCancelledRunFinally || pr.Spec.Status == v1.PipelineRunSpecStatusStoppedRunFinally
}

// cutShort reports whether any task was kept from ending on its own. If a run was cancelled after all tasks had ended, their
// outcomes count.
func (p *Plan) cutShort() bool {
	return slices.ContainsFunc(p.Tasks, func(s TaskState) bool {
		if s.Phase == Cancelled {
			return true
		}
		return s.Skipped != nil && slices.Contains([]string{
			v1.SkipReasonStopping, v1.SkipReasonGracefullyCancelled, v1.SkipReasonGracefullyStopped,
		}, s.Skipped.Reason)
	})
}

// timedOut returns which part of the run exceeded its timeout; it is empty if none did.
func (p *Plan) timedOut(pr *v1.PipelineRun, obs Observation) string {
	var tasks, finally bool
	var start, begun time.Time
	if at := pr.Status.StartTime; at != nil {
		start = at.Time
	}
	if at := pr.Status.FinallyStartTime; at != nil {
		begun = at.Time
	}
	deadlines := deadlinesOf(start, begun, obs.Timeouts)
	for i := range p.Tasks {
		s := &p.Tasks[i]
		late := slices.ContainsFunc(s.Children, func(c Child) bool { return c.timedOut(deadlines.of(s)...) }) ||
			s.incomplete() && slices.ContainsFunc(deadlines.of(s), func(d time.Time) bool { return passed(partEnd(s, begun, obs.Now), d) })
		if s.Skipped != nil {
			late = slices.Contains([]string{
				v1.SkipReasonTimedOut, v1.SkipReasonTasksTimedOut, v1.SkipReasonFinallyTimedOut,
			}, s.Skipped.Reason)
		}
		tasks, finally = tasks || late && !s.Final, finally || late && s.Final
	}
	took := func(what string, limit time.Duration) string {
		return fmt.Sprintf("%s took longer than %s", what, limit)
	}
	switch {
	case !tasks && !finally:
		return ""
	case passed(obs.Now, p.Deadlines.Pipeline), tasks && obs.Timeouts.Tasks == 0, !tasks && obs.Timeouts.Finally == 0:
		return took("it", obs.Timeouts.Pipeline)
	case tasks:
		return took("its tasks", obs.Timeouts.Tasks)
	default:
		return took("its tasks of finally", obs.Timeouts.Finally)
	}
}
