package pipelinerun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// taskStatuses are the statuses of the tasks, to which those of finally can refer.
func taskStatuses(tasks []TaskState) map[string]string {
	texts := map[string]string{"tasks.status": aggregate(tasks)}
	for i := range tasks {
		s := &tasks[i]
		if s.Final {
			continue
		}
		status, reason := statusOf(s)
		texts["tasks."+s.Task.Name+".status"] = status
		texts["tasks."+s.Task.Name+".reason"] = reason
	}
	return texts
}

// statusOf returns how one task has ended, and why.
func statusOf(s *TaskState) (status, reason string) {
	switch s.Phase {
	case Succeeded:
		return v1.TaskStatusSucceeded, reasonOfChildren(s, (*Child).succeeded)
	case Ignored:
		return v1.TaskStatusFailed, v1.TaskReasonFailureIgnored
	case Failed, Cancelled:
		unsuccessful := func(c *Child) bool { return !c.Lost && !c.succeeded() }
		return v1.TaskStatusFailed, reasonOfChildren(s, unsuccessful)
	case Waiting, Running, Skipped:
	}
	return v1.TaskStatusNone, v1.TaskStatusNone
}

// reasonOfChildren returns the reason of the first such child.
func reasonOfChildren(s *TaskState, one func(*Child) bool) string {
	for i := range s.Children {
		switch c := &s.Children[i]; {
		case c.Unanswered:
			return v1beta1.CustomRunReasonCancelled
		case one(c):
			return c.condition().Reason
		}
	}
	return v1.TaskStatusFailed // all failed children are deleted
}

// aggregate returns the status of all tasks together. A failure that onError: continue ignores is a failure here, as it is in the
// status of the task, so that a task of finally can report it.
func aggregate(tasks []TaskState) string {
	named := byName(tasks)
	var failed, cancelled, skipped bool
	for i := range tasks {
		s := &tasks[i]
		if s.Final {
			continue
		}
		switch {
		case s.Phase == Failed || s.Phase == Ignored || s.couldNotStart(named):
			failed = true
		case s.Phase == Cancelled || !s.Phase.done():
			cancelled = true
		case s.Phase == Skipped:
			skipped = true
		}
	}
	switch {
	case failed:
		return v1.TaskStatusFailed
	case cancelled:
		return v1.TaskStatusNone
	case skipped:
		return v1.TaskStatusCompleted
	}
	return v1.TaskStatusSucceeded
}
