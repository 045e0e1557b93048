package pipelinerun

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// stoppedBy is the text before a failure in the message of a run that continues.
const stoppedBy = "; stopping: "

// summary is the number of tasks in each phase, and the status entry of each task.
type summary struct {
	succeeded, failed, ignored, cancelled, incomplete int

	children []v1.ChildReference
	skipped  []v1.SkippedTask
	// failure names the first task that failed or could not be started, and why; empty while there is none.
	failure string
	// failedTask is the name of that task.
	failedTask string
	// reason is the reason of the run's failure because of it, and unstarted reports that the task could not be started.
	reason    string
	unstarted bool
}

// summaryOf summarizes the tasks in the order of the pipeline, in their states after an action. The failure of a task that
// could not be started has precedence over those of others, because they ended later.
func summaryOf(pr *v1.PipelineRun, plan Plan, effect Effect) *summary {
	t := &summary{}
	tasks := effect.on(plan.Tasks)
	named := byName(tasks)
	for i := range tasks {
		s := &tasks[i]
		for j := range s.Children {
			t.children = append(t.children, s.Children[j].Reference)
		}
		if s.Skipped != nil {
			t.skipped = append(t.skipped, *s.Skipped)
		}
		t.count(s.Phase)
		if s.couldNotStart(named) && t.failure == "" {
			t.failure, t.reason = couldNotStart(pr, plan, effect, s)
			t.unstarted, t.failedTask = true, s.Task.Name
		}
	}
	for i := range tasks {
		if s := &tasks[i]; t.failure == "" && s.Phase == Failed {
			t.failure, t.reason, t.failedTask = failureOf(s), v1.PipelineRunReasonFailed, s.Task.Name
		}
	}
	boundWhen(t.children, t.skipped)
	return t
}

func (t *summary) count(p Phase) {
	switch p {
	case Waiting, Running:
		t.incomplete++
	case Succeeded:
		t.succeeded++
	case Ignored:
		t.ignored++
		t.failed++
	case Failed:
		t.failed++
	case Cancelled:
		t.cancelled++
	case Skipped:
	}
}

// on returns the tasks in their states after an action.
func (e *Effect) on(tasks []TaskState) []TaskState {
	if len(e.Started) == 0 && e.Problem == nil {
		return tasks
	}
	tasks = slices.Clone(tasks)
	for i, children := range e.Started {
		tasks[i].Children = children
		tasks[i].update()
	}
	for i := range tasks {
		if s := &tasks[i]; e.Problem != nil && s.Task.Name == e.Problem.Task && s.Phase == Waiting {
			s.skip(e.Problem.SkipReason, nil)
		}
	}
	return tasks
}

// couldNotStart returns why a task could not be started, and the reason of the run's failure because of it. The finding of an
// earlier reconcile, for example that an API server refused a TaskRun, is in the condition of the run.
func couldNotStart(pr *v1.PipelineRun, plan Plan, effect Effect, s *TaskState) (failure, reason string) {
	for _, problem := range []*Problem{effect.Problem, plan.Problem} {
		if problem != nil && problem.Task == s.Task.Name {
			return problem.Message, problem.Reason
		}
	}
	if c := meta.FindStatusCondition(pr.Status.Conditions, v1.ConditionStartFailure); c != nil {
		return c.Message, c.Reason
	}
	if message := earlierFailure(pr); message != "" {
		return message, reasonOfSkip(s.Skipped.Reason)
	}
	return fmt.Sprintf("task %q cannot start: %s", s.Task.Name, s.Skipped.Reason), reasonOfSkip(s.Skipped.Reason)
}

// earlierFailure returns the failure that the message of the run reports; empty if it reports none. It is for runs whose task
// could not start under a version that did not write the condition StartFailure.
func earlierFailure(pr *v1.PipelineRun) string {
	c := pr.Status.Condition()
	if c == nil {
		return ""
	}
	_, failure, _ := strings.Cut(c.Message, stoppedBy)
	return failure
}

// failureOf names the failed child, and has its message.
func failureOf(s *TaskState) string {
	for i := range s.Children {
		c := &s.Children[i]
		switch {
		case c.Lost:
			return fmt.Sprintf("task %q failed: %s %q was deleted before the run had ended", s.Task.Name, c.Run.Kind().Name(), c.Run.GetName())
		case !c.succeeded() && !c.cancelled():
			condition := c.condition()
			return fmt.Sprintf("task %q failed: %s %q: %s: %s", s.Task.Name, c.Run.Kind().Name(), c.Run.GetName(), condition.Reason,
				condition.Message)
		}
	}
	return fmt.Sprintf("task %q failed", s.Task.Name)
}

// String returns the sentence that clients of the API know.
func (t *summary) String() string {
	failed := fmt.Sprintf("Failed: %d", t.failed)
	if t.ignored > 0 {
		failed += fmt.Sprintf(" (Ignored: %d)", t.ignored)
	}
	parts := []string{fmt.Sprintf("Tasks Completed: %d (%s, Cancelled %d)", t.succeeded+t.failed+t.cancelled, failed, t.cancelled)}
	if t.incomplete > 0 {
		parts = append(parts, fmt.Sprintf("Incomplete: %d", t.incomplete))
	}
	return strings.Join(append(parts, fmt.Sprintf("Skipped: %d", len(t.skipped))), ", ")
}
