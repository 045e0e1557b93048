package pipelinerun

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Phase is the phase of one task of the pipeline.
type Phase string

// The phases of a task. All but the first two are final.
const (
	// Waiting: it has not started, and may still start.
	Waiting Phase = "Waiting"
	// Running: children of it are running.
	Running Phase = "Running"
	// Succeeded: all of its children succeeded.
	Succeeded Phase = "Succeeded"
	// Ignored: a child of it failed, and onError lets the pipeline continue.
	Ignored Phase = "Ignored"
	// Failed: a child of it failed, or was deleted.
	Failed Phase = "Failed"
	// Cancelled: a child of it was cancelled.
	Cancelled Phase = "Cancelled"
	// Skipped: it will not run.
	Skipped Phase = "Skipped"
)

// settled reports whether the phase is final.
func (p Phase) done() bool { return p != Waiting && p != Running }

// passed reports whether the tasks that depend on the task may start.
func (p Phase) passed() bool { return p == Succeeded || p == Ignored }

// TaskState is the phase of one task, and its causes.
type TaskState struct {
	// Task is the task of the pipeline.
	Task *v1.PipelineTask
	// Final is true for a task of finally.
	Final bool
	// ContinuesOnError is true when a failure of the task is ignored.
	ContinuesOnError bool
	// Children are its runs, in the order of the combinations of its matrix. All have been created, or the list is empty, unless the
	// task was given up meanwhile: then it is incomplete.
	Children []Child
	// Skipped is why the task will not run; nil if it may.
	Skipped *v1.SkippedTask
	// Phase follows from the other fields.
	Phase Phase
}

// Child is a run that the run has created for a task.
type Child struct {
	// Reference is the status entry of it, now or later.
	Reference v1.ChildReference
	// Run is the child in the cache, without its results. If it is Lost, only its name is set. It must not be changed.
	Run Run
	// Lost reports that it was created and does not exist any more, or is being deleted and will not end.
	Lost bool
	// Unanswered reports that it was asked to stop and has not ended in time. It counts as cancelled.
	Unanswered bool
}

// settle computes the phase.
func (s *TaskState) update() {
	switch {
	case s.Skipped != nil:
		s.Phase = Skipped
	case len(s.Children) == 0:
		s.Phase = Waiting
	default:
		s.Phase = phaseOf(s.Children, s.ContinuesOnError)
		if s.Phase.passed() && s.incomplete() {
			s.Phase = Cancelled
		}
	}
}

// combinations returns the number of combinations of the matrix, as the children have it; 0 if none does.
func (s *TaskState) combinations() int {
	most := 0
	for i := range s.Children {
		most = max(most, placeOf(s.Children[i].Run).of)
	}
	return most
}

// incomplete reports whether the matrix has combinations without a child. They will not be created.
func (s *TaskState) incomplete() bool { return s.combinations() > len(s.Children) }

// phaseOf combines the children of a task. As long as one is running, so is the task.
func phaseOf(children []Child, continuesOnError bool) Phase {
	var lost, failed, cancelled bool
	for i := range children {
		c := &children[i]
		switch {
		case c.Lost:
			lost = true
		case !c.done():
			return Running
		case c.succeeded():
		case c.cancelled():
			cancelled = true
		default:
			failed = true
		}
	}
	switch {
	case lost || failed && !continuesOnError:
		return Failed
	case cancelled:
		return Cancelled
	case failed:
		return Ignored
	}
	return Succeeded
}

// skip records that the task will not run.
func (s *TaskState) skip(reason string, when []v1.WhenExpression) {
	s.Skipped = &v1.SkippedTask{Name: s.Task.Name, Reason: reason, WhenExpressions: when}
	s.update()
}

// fails reports whether the task ends the run, now or when all others have ended.
func (s *TaskState) fails(tasks map[string]*TaskState) bool {
	switch s.Phase {
	case Failed, Cancelled:
		return true
	case Skipped:
		return s.couldNotStart(tasks)
	case Waiting, Running, Succeeded, Ignored:
	}
	return false
}

// couldNotStart reports whether the task was skipped because of a problem. A missing result is a problem only if the task
// could expect it.
func (s *TaskState) couldNotStart(tasks map[string]*TaskState) bool {
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

// mayMissResults reports whether a missing result only skips the task. A task of finally cannot expect a result, a task whose
// failure is ignored need not, and no task can expect one from a skipped task.
func (s *TaskState) mayMissResults(tasks map[string]*TaskState) bool {
	skipped := func(name string) bool { return tasks[name] != nil && tasks[name].Phase == Skipped }
	return s.Final || s.ContinuesOnError || slices.ContainsFunc(neededBy(s.Task).tasks(), skipped) ||
		slices.ContainsFunc(neededByGuard(s.Task).tasks(), skipped)
}

func (c *Child) condition() *metav1.Condition { return c.Run.Progress().Condition }

func (c *Child) done() bool { return c.Unanswered || c.Run.Progress().Done() }

// stoppable reports whether the child is running and was not asked yet for this stop.
func (c *Child) stoppable(stop Stop) bool {
	if c.Lost {
		return false
	}
	p := c.Run.Progress()
	return !p.Done() && p.Asked < stop.extent()
}

func (c *Child) succeeded() bool {
	if c.Unanswered {
		return false
	}
	condition := c.condition()
	return condition != nil && condition.Status == metav1.ConditionTrue
}

func (c *Child) cancelled() bool { return c.Unanswered || c.Run.Progress().Cancelled }

// timedOut reports whether the child ended because the time of the run, or of its part of the run, was over: it was
// cancelled with that message, or its own timeout fired when that time was over too. Which of the two happens first is
// chance. The times of a status have whole seconds, so a child can seem to have ended before that time was over.
func (c *Child) timedOut(deadlines ...time.Time) bool {
	p := c.Run.Progress()
	if c.Unanswered {
		return p.Message == v1.TaskRunTimedOutByPipelineRun
	}
	if c.Lost || p.Condition == nil || p.Condition.Status != metav1.ConditionFalse {
		return false
	}
	if p.Message == v1.TaskRunTimedOutByPipelineRun {
		return p.TimedOut || p.Cancelled
	}
	due := p.Condition.LastTransitionTime.Time
	if p.Completion != nil {
		due = p.Completion.Time
	}
	if p.Start != nil && p.Timeout != nil {
		if own := p.Start.Add(p.Timeout.Duration); own.After(due) {
			due = own
		}
	}
	return p.TimedOut && slices.ContainsFunc(deadlines, func(d time.Time) bool { return passed(due, d) })
}
