package pipelinerun

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// Effect is the outcome of an action.
type Effect struct {
	// Started are the children that were created or adopted, by the position of their task in Plan.Tasks. All of a task are
	// here, or none.
	Started map[int][]Child
	// Abandoned are children of a task that cannot be started, because others of its matrix were refused.
	Abandoned []cancellation
	// Problem is set if the action found that a task cannot be started.
	Problem *Problem
	// Waiting is what the run must wait for before the action can be done; empty if it does not wait.
	Waiting string
}

// startOf returns when the run, or its part of finally, has started: now, or the creation time of the first child that an
// earlier reconcile could not record. Otherwise such a child would reach its own timeout before the run reaches its
// deadline.
func (e *Effect) startOf(now metav1.Time, plan Plan, final bool) metav1.Time {
	first := now
	for i, children := range e.Started {
		for j := range children {
			made := children[j].Run.GetCreationTimestamp()
			if plan.Tasks[i].Final == final && !made.IsZero() && made.Before(&first) {
				first = made
			}
		}
	}
	return first
}

// report is what a reconcile reports beside the status.
type report struct {
	// oversize reports that the object could not hold the results of the run.
	oversize bool
	// unwritten are sentences about results of the run that are absent although their task succeeded, and shorter about lists
	// that lack values of a matrix.
	unwritten, shorter []string
}

// statusFor computes the complete status of a run that has not ended. It shares memory with the present one.
func statusFor(pr *v1.PipelineRun, state State, obs Observation, plan Plan, effect Effect) (v1.PipelineRunStatus, report) {
	status := pr.Status
	status.Conditions = append([]metav1.Condition(nil), pr.Status.Conditions...)
	now := metav1.NewTime(obs.Now)
	status.ObservedGeneration = pr.Generation
	if state == Pending {
		status.SetCondition(v1.Running(v1.PipelineRunReasonPending, "the run is held by spec.status; it starts when that is emptied"), now)
		return status, report{}
	}
	if status.StartTime == nil && state != CancelledBeforeStart {
		start := effect.startOf(now, plan, false)
		status.StartTime = &start
	}
	status.SpanContext = obs.SpanContext
	if trusted := resolve.TrustCondition(obs.Trust); trusted != nil && state != Resolving {
		status.SetCondition(*trusted, now)
	}
	switch state {
	case CancelledBeforeStart, Late, Unresolved, Invalid:
		status.CompletionTime = &now
		status.SetCondition(refused(pr, state, obs), now)
		return status, report{}
	case Resolving:
		status.SetCondition(v1.Running(obs.Resolving.Reason(), obs.Resolving.Message), now)
		return status, report{}
	default:
	}
	if status.PipelineSpec == nil {
		status.PipelineSpec = obs.Spec
		status.Provenance = provenance(obs)
	}
	if status.FinallyStartTime == nil && plan.startsFinally() {
		start := effect.startOf(now, plan, true)
		status.FinallyStartTime = &start
	}
	t := summaryOf(pr, plan, effect)
	status.ChildReferences, status.SkippedTasks = t.children, t.skipped
	if state != Ended {
		status.SetCondition(progress(pr, plan, effect, t, status.FinallyStartTime != nil), now)
		if t.unstarted {
			status.SetCondition(v1.StartFailure(t.reason, t.failure), now)
		}
		return status, report{shorter: shorterOf(plan, effect)}
	}
	meta.RemoveStatusCondition(&status.Conditions, v1.ConditionStartFailure)
	outcome := ended(pr, obs, plan, t)
	status.Results = outcome.Results
	status.CompletionTime = &now
	status.SetCondition(outcome.Condition, now)
	status, oversize := runKind().Fit(pr, status, now)
	return withShownSpec(pr, status, obs), report{oversize, outcome.Unwritten, plan.Shorter}
}

// shorterOf returns the sentences about the lists that the tasks which have just started use.
func shorterOf(plan Plan, effect Effect) []string {
	var out []string
	for i := range plan.Wanted {
		w := &plan.Wanted[i]
		for _, sentence := range w.Shorter {
			if effect.Started[w.Task] != nil {
				out = append(out, fmt.Sprintf("task %q: %s", plan.Tasks[w.Task].Task.Name, sentence))
			}
		}
	}
	return out
}

// withShownSpec returns the status of an ended run with the values of the run in its copy of the pipeline, for readers. No
// reconcile reads the copy of an ended run, so that no value is ever read as text. The copy stays without the values if the
// object has no room for them.
func withShownSpec(pr *v1.PipelineRun, status v1.PipelineRunStatus, obs Observation) v1.PipelineRunStatus {
	with := status
	var err error
	with.PipelineSpec, err = substitute.ShownPipeline(obs.Spec, obs.Vars)
	if err != nil || runKind().Stored(pr, with) > objectsize.Limit {
		return status
	}
	return with
}

// provenance returns where the pipeline came from, and the flags in force.
func provenance(obs Observation) *v1.Provenance {
	return &v1.Provenance{RefSource: obs.Source, FeatureFlags: &v1.FeatureFlags{
		ResultExtractionMethod: string(obs.Config.Flags.ResultsFrom),
		MaxResultSize:          obs.Config.Flags.MaxResultSize,
	}}
}

// progress returns the condition of a running run. Its message changes only when a task starts or ends. Final reports that the
// tasks of finally have begun.
func progress(pr *v1.PipelineRun, plan Plan, effect Effect, t *summary, final bool) metav1.Condition {
	message := t.String()
	if effect.Waiting != "" {
		message += "; waiting: " + effect.Waiting
	}
	switch {
	case t.failure != "" && final:
		message += "; finishing after: " + t.failure
	case t.failure != "":
		message += stoppedBy + t.failure
	}
	return v1.Running(progressReason(pr, plan, t, final), message)
}

// progressReason returns the reason of a running run. A run whose tasks have ended stops nothing any more: while the tasks of
// finally run, it is Running, also after a failure.
func progressReason(pr *v1.PipelineRun, plan Plan, t *summary, final bool) string {
	switch {
	case pr.Spec.Status == v1.PipelineRunSpecStatusCancelled:
		return v1.PipelineRunReasonCancelled
	case plan.Stops.Finally.Reason != "":
		return v1.PipelineRunReasonTimedOut
	case plan.Stops.Tasks.Reason == v1.SkipReasonTasksTimedOut:
		return v1.PipelineRunReasonTimedOutRunningFinally
	case pr.Spec.Status == v1.PipelineRunSpecStatusCancelledRunFinally:
		return v1.PipelineRunReasonCancelledRunningFinally
	case pr.Spec.Status == v1.PipelineRunSpecStatusStoppedRunFinally:
		return v1.PipelineRunReasonStoppedRunningFinally
	case !final && (t.failure != "" || plan.Stops.Tasks.Reason != ""):
		return v1.PipelineRunReasonStopping
	case !final && len(t.children) == 0:
		return v1.PipelineRunReasonStarted
	default:
		return v1.PipelineRunReasonRunning
	}
}
