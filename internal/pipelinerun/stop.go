package pipelinerun

import (
	"slices"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// Stop is why no further task starts.
type Stop struct {
	// Reason is the reason with which tasks that have not started are skipped; empty if they may start.
	Reason string
	// Cancel is the message with which running children are cancelled; empty if they may finish.
	Cancel v1.TaskRunSpecStatusMessage
	// Graceful is the request for running PipelineRuns, so that their tasks of finally run; empty if they are cancelled, or
	// continue.
	Graceful v1.PipelineRunSpecStatus
}

// StopPolicy is the stops of the two parts of a pipeline.
type StopPolicy struct {
	Tasks, Finally Stop
}

// of returns the stop of the part that a task is in.
func (p StopPolicy) of(s *TaskState) Stop {
	if s.Final {
		return p.Finally
	}
	return p.Tasks
}

// stopPolicyOf decides which parts of the pipeline stop, based on the user's request, the time, and how tasks have ended. A
// stop that ends more has precedence.
func stopPolicyOf(pr *v1.PipelineRun, now time.Time, deadlines Deadlines, tasks []TaskState) StopPolicy {
	switch {
	case pr.Spec.Status == v1.PipelineRunSpecStatusCancelled:
		all := Stop{Reason: v1.SkipReasonStopping, Cancel: v1.TaskRunCancelledByPipelineRun}
		return StopPolicy{all, all}
	case passed(now, deadlines.Pipeline):
		all := Stop{Reason: v1.SkipReasonTimedOut, Cancel: v1.TaskRunTimedOutByPipelineRun}
		return StopPolicy{all, all}
	}
	var p StopPolicy
	if passed(now, deadlines.Finally) {
		p.Finally = Stop{Reason: v1.SkipReasonFinallyTimedOut, Cancel: v1.TaskRunTimedOutByPipelineRun}
	}
	switch {
	case pr.Spec.Status == v1.PipelineRunSpecStatusCancelledRunFinally:
		p.Tasks = Stop{
			Reason: v1.SkipReasonGracefullyCancelled, Cancel: v1.TaskRunCancelledByPipelineRun,
			Graceful: v1.PipelineRunSpecStatusCancelledRunFinally,
		}
	case passed(now, deadlines.Tasks):
		p.Tasks = Stop{Reason: v1.SkipReasonTasksTimedOut, Cancel: v1.TaskRunTimedOutByPipelineRun}
	case pr.Spec.Status == v1.PipelineRunSpecStatusStoppedRunFinally:
		p.Tasks = Stop{Reason: v1.SkipReasonGracefullyStopped, Graceful: v1.PipelineRunSpecStatusStoppedRunFinally}
	case anyFails(tasks):
		p.Tasks = Stop{Reason: v1.SkipReasonStopping}
	}
	return p
}

// anyFails reports whether a task, other than those of finally, ends the run.
func anyFails(tasks []TaskState) bool {
	named := byName(tasks)
	return slices.ContainsFunc(tasks, func(s TaskState) bool { return !s.Final && s.fails(named) })
}

// byName returns the tasks by their names.
func byName(tasks []TaskState) map[string]*TaskState {
	named := make(map[string]*TaskState, len(tasks))
	for i := range tasks {
		named[tasks[i].Task.Name] = &tasks[i]
	}
	return named
}

// Timeouts are the maximum times of the run and its parts; 0 means no limit.
type Timeouts struct {
	Pipeline, Tasks, Finally time.Duration
}

// timeoutsOf returns the timeouts of a run, with defaults. A part without its own timeout gets what the other part leaves of
// the whole, or else the whole.
func timeoutsOf(pr *v1.PipelineRun, defaults config.Defaults) Timeouts {
	t := Timeouts{Pipeline: defaults.Timeout}
	given := pr.Spec.Timeouts
	if given == nil {
		return t
	}
	if given.Pipeline != nil {
		t.Pipeline = given.Pipeline.Duration
	}
	if given.Tasks != nil {
		t.Tasks = given.Tasks.Duration
	}
	if given.Finally != nil {
		t.Finally = given.Finally.Duration
	}
	switch {
	case t.Pipeline == 0:
	case given.Tasks == nil && given.Finally != nil:
		t.Tasks = t.Pipeline - t.Finally
	case given.Finally == nil && given.Tasks != nil:
		t.Finally = t.Pipeline - t.Tasks
	}
	return t
}

// Deadlines are the times by which the run and its parts must have ended; the zero time means never.
type Deadlines struct {
	Pipeline, Tasks, Finally time.Time
}

// deadlinesOf computes the deadlines from the starts of the run and its part of finally; finally is the zero time if it has
// not started.
func deadlinesOf(start, finally time.Time, timeouts Timeouts) Deadlines {
	d := Deadlines{Pipeline: after(start, timeouts.Pipeline), Tasks: after(start, timeouts.Tasks)}
	if !finally.IsZero() {
		d.Finally = after(finally, timeouts.Finally)
	}
	return d
}

// of returns the deadlines that end the tasks of a part.
func (d Deadlines) of(s *TaskState) []time.Time {
	if s.Final {
		return []time.Time{d.Pipeline, d.Finally}
	}
	return []time.Time{d.Pipeline, d.Tasks}
}

// ahead returns the deadlines in the future.
func (d Deadlines) ahead(now time.Time) []time.Time {
	return slices.DeleteFunc([]time.Time{d.Pipeline, d.Tasks, d.Finally}, func(t time.Time) bool { return !t.After(now) })
}

func after(start time.Time, timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return start.Add(timeout)
}

func passed(now, deadline time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }
