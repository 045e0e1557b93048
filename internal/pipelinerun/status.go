package pipelinerun

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Effect is what an action has brought about.
type Effect struct {
	// Created are the TaskRuns that were made or taken over, by the name of the task.
	Created map[string]*v1.TaskRun
	// Problem, when the action found out that a task cannot be started.
	Problem *Problem
	// Waiting says what the run waits for before the action can be done; empty when it waits for nothing.
	Waiting string
}

// statusFor computes the whole status of a run that has not ended.
func statusFor(pr *v1.PipelineRun, state State, obs Observation, effect Effect) v1.PipelineRunStatus {
	status := *pr.Status.DeepCopy()
	now := metav1.NewTime(obs.Now)
	status.ObservedGeneration = pr.Generation
	if status.StartTime == nil {
		status.StartTime = &now
	}
	if state == Unresolved || state == Invalid {
		outcome := outcomeOf(pr, state, obs, effect)
		status.CompletionTime = &now
		status.SetCondition(outcome.Condition, now)
		return status
	}
	if status.PipelineSpec == nil {
		status.PipelineSpec = obs.Spec
	}
	tally := tallyOf(obs, effect)
	status.ChildReferences = tally.children
	status.SkippedTasks = tally.skipped
	outcome := outcomeOf(pr, state, obs, effect)
	if outcome == nil {
		status.SetCondition(progress(tally, effect), now)
		return status
	}
	status.Results = outcome.Results
	status.CompletionTime = &now
	status.SetCondition(outcome.Condition, now)
	return fitted(pr, status, now)
}

// progress is the condition of a run that goes on. Its message changes only when a task starts or ends.
func progress(t *tally, effect Effect) metav1.Condition {
	message := t.String()
	if t.failure != "" {
		message += "; stopping: " + t.failure
	}
	if effect.Waiting != "" {
		message += "; waiting: " + effect.Waiting
	}
	if len(t.children) == 0 {
		return v1.Running(v1.PipelineRunReasonStarted, message)
	}
	return v1.Running(v1.PipelineRunReasonRunning, message)
}

// tally is how many tasks stand where, and what the status says about each.
type tally struct {
	succeeded, failed, running, incomplete int
	children                               []v1.ChildReference
	skipped                                []v1.SkippedTask
	// failure names the first task that failed or cannot be started, and why; empty while there is none.
	failure string
	// reason for the condition that goes with it.
	reason string
}

// tallyOf goes through the tasks in the order of the pipeline.
func tallyOf(obs Observation, effect Effect) *tally {
	t := &tally{}
	var waiting []string
	for i := range obs.Spec.Tasks {
		task := &obs.Spec.Tasks[i]
		child, ok := obs.Children[task.Name]
		if made := effect.Created[task.Name]; made != nil && !ok {
			child, ok = Child{TaskRun: made}, true
		}
		if !ok {
			waiting = append(waiting, task.Name)
			continue
		}
		t.children = append(t.children, v1.ChildReference{
			APIVersion: v1.GroupVersion.String(), Kind: v1.KindTaskRun, Name: child.TaskRun.Name,
			PipelineTaskName: task.Name, DisplayName: task.DisplayName,
		})
		t.count(task.Name, child)
	}
	problem := obs.Problem
	if problem == nil {
		problem = effect.Problem
	}
	if problem != nil && t.failure == "" {
		t.failure, t.reason = problem.Message, problem.Reason
	}
	if t.failure == "" {
		t.incomplete += len(waiting)
		return t
	}
	for _, task := range waiting {
		skipped := v1.SkippedTask{Name: task, Reason: v1.SkipReasonStopping}
		if problem != nil && problem.Task == task {
			skipped.Reason = problem.SkipReason
		}
		t.skipped = append(t.skipped, skipped)
	}
	return t
}

// count adds one child.
func (t *tally) count(task string, child Child) {
	switch {
	case child.Lost:
		t.fail(fmt.Sprintf("task %q failed: TaskRun %q was deleted before the run had ended", task, child.TaskRun.Name))
	case !child.TaskRun.Status.Done():
		t.running++
		t.incomplete++
	case child.succeeded():
		t.succeeded++
	default:
		c := child.TaskRun.Status.Condition()
		t.fail(fmt.Sprintf("task %q failed: TaskRun %q: %s: %s", task, child.TaskRun.Name, c.Reason, c.Message))
	}
}

func (t *tally) fail(failure string) {
	t.failed++
	if t.failure == "" {
		t.failure, t.reason = failure, v1.PipelineRunReasonFailed
	}
}

// String is the sentence that clients of the API know.
func (t *tally) String() string {
	parts := []string{fmt.Sprintf("Tasks Completed: %d (Failed: %d, Cancelled 0)", t.succeeded+t.failed, t.failed)}
	if t.incomplete > 0 {
		parts = append(parts, fmt.Sprintf("Incomplete: %d", t.incomplete))
	}
	return strings.Join(append(parts, fmt.Sprintf("Skipped: %d", len(t.skipped))), ", ")
}
