package pipelinerun

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Position is where one task of the pipeline stands.
type Position string

// The positions of a task. It is settled in all but the first two.
const (
	// Waiting: it has not started, and still may.
	Waiting Position = "Waiting"
	// Running: TaskRuns of it run.
	Running Position = "Running"
	// Succeeded: so did all of its TaskRuns.
	Succeeded Position = "Succeeded"
	// Ignored: a TaskRun of it failed, and onError says to go on.
	Ignored Position = "Ignored"
	// Failed: a TaskRun of it failed, or was deleted.
	Failed Position = "Failed"
	// Cancelled: a TaskRun of it was cancelled.
	Cancelled Position = "Cancelled"
	// Skipped: it will not run.
	Skipped Position = "Skipped"
)

// settled reports whether nothing will change any more.
func (p Position) settled() bool { return p != Waiting && p != Running }

// passed reports whether those that wait for the task may start.
func (p Position) passed() bool { return p == Succeeded || p == Ignored }

// Standing is where one task stands, and what makes it so.
type Standing struct {
	// Task of the pipeline.
	Task *v1.PipelineTask
	// Final is true for a task of finally.
	Final bool
	// GoesOn is true when a failure of the task is ignored.
	GoesOn bool
	// Children are its TaskRuns, in the order of the combinations of its matrix. Either all have been made, or none is
	// here.
	Children []Child
	// Skipped is why the task will not run; nil while it may.
	Skipped *v1.SkippedTask
	// Position follows from the others.
	Position Position
}

// Child is a TaskRun of the run.
type Child struct {
	// Reference to it, as the status has it or will have it.
	Reference v1.ChildReference
	// TaskRun as the cache has it, without its results. Of one that is Lost it has the name only. It must not be
	// changed.
	TaskRun *v1.TaskRun
	// Lost says that it was made and is gone.
	Lost bool
}

// settle computes the position.
func (s *Standing) settle() {
	switch {
	case s.Skipped != nil:
		s.Position = Skipped
	case len(s.Children) == 0:
		s.Position = Waiting
	default:
		s.Position = positionOf(s.Children, s.GoesOn)
	}
}

// positionOf sums up the TaskRuns of a task. As long as one runs, so does the task.
func positionOf(children []Child, goesOn bool) Position {
	var lost, failed, cancelled bool
	for i := range children {
		c := &children[i]
		switch {
		case c.Lost:
			lost = true
		case !c.TaskRun.Status.Done():
			return Running
		case c.succeeded():
		case c.cancelled():
			cancelled = true
		default:
			failed = true
		}
	}
	switch {
	case lost || failed && !goesOn:
		return Failed
	case cancelled:
		return Cancelled
	case failed:
		return Ignored
	}
	return Succeeded
}

// skip notes that the task will not run.
func (s *Standing) skip(reason string, when []v1.WhenExpression) {
	s.Skipped = &v1.SkippedTask{Name: s.Task.Name, Reason: reason, WhenExpressions: when}
	s.settle()
}

// fails reports whether the task ends the run, now or when all others have ended.
func (s *Standing) fails(tasks map[string]*Standing) bool {
	switch s.Position {
	case Failed, Cancelled:
		return true
	case Skipped:
		return s.couldNotStart(tasks)
	case Waiting, Running, Succeeded, Ignored:
	}
	return false
}

// couldNotStart reports whether the task was skipped because something was wrong with it. A result that was missing is
// wrong only where it was to be expected.
func (s *Standing) couldNotStart(tasks map[string]*Standing) bool {
	if s.Skipped == nil {
		return false
	}
	switch s.Skipped.Reason {
	case v1.SkipReasonMissingResults:
		return !s.mayMissResults(tasks)
	case v1.SkipReasonUnusableResults, v1.SkipReasonTooLargeResults, v1.SkipReasonInvalid, v1.SkipReasonRefused,
		v1.SkipReasonClaimRefused:
		return true
	}
	return false
}

// mayMissResults reports whether a result that the task takes, and that is not there, only skips it: a task of finally
// cannot expect one, one whose failure is ignored need not, and none can expect it from a task that was skipped.
func (s *Standing) mayMissResults(tasks map[string]*Standing) bool {
	skipped := func(name string) bool { return tasks[name] != nil && tasks[name].Position == Skipped }
	return s.Final || s.GoesOn || slices.ContainsFunc(neededBy(s.Task).tasks(), skipped) ||
		slices.ContainsFunc(neededByGuard(s.Task).tasks(), skipped)
}

func (c *Child) condition() *metav1.Condition { return c.TaskRun.Status.Condition() }

func (c *Child) succeeded() bool {
	condition := c.condition()
	return condition != nil && condition.Status == metav1.ConditionTrue
}

func (c *Child) cancelled() bool {
	condition := c.condition()
	return condition != nil && condition.Status == metav1.ConditionFalse && condition.Reason == v1.TaskRunReasonCancelled
}

// timedOut reports whether the TaskRun ended because the time of the run, or of its part of it, was up: it was told so, or
// its own timeout fired when that time was up as well. Which of the two a TaskRun meets first is chance.
func (c *Child) timedOut(deadlines ...time.Time) bool {
	condition := c.condition()
	if c.Lost || condition == nil || condition.Status != metav1.ConditionFalse {
		return false
	}
	late := condition.Reason == v1.TaskRunReasonTimedOut
	if c.TaskRun.Spec.StatusMessage == v1.TaskRunTimedOutByPipelineRun {
		return late || c.cancelled()
	}
	end := condition.LastTransitionTime
	if c.TaskRun.Status.CompletionTime != nil {
		end = *c.TaskRun.Status.CompletionTime
	}
	return late && slices.ContainsFunc(deadlines, func(d time.Time) bool { return passed(end.Time, d) })
}
