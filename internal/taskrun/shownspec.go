package taskrun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// withShownSpec returns the status of an ended run with the values of the run in its copy of the task, for readers. No
// reconcile reads the copy of an ended run, so that no value is ever read as text. The copy stays without the values if the
// object has no room for them.
func withShownSpec(tr *v1.TaskRun, status v1.TaskRunStatus, obs Observation) v1.TaskRunStatus {
	if status.TaskSpec == nil || obs.Task.Spec == nil {
		return status
	}
	with := status
	with.TaskSpec = shownSpec(tr, obs.Task, obs.Config.Defaults)
	if with.TaskSpec == nil || runKind().Stored(tr, with) > objectsize.Limit {
		return status
	}
	return with
}

// shownSpec returns a copy of the task with the values of the run; nil if these are invalid or too large.
func shownSpec(tr *v1.TaskRun, task Task, defaults config.Defaults) *v1.TaskSpec {
	b, err := boundOf(tr, task, withDefault(tr.Spec.Workspaces, task.Spec.Workspaces, defaults.WorkspaceBinding))
	if err != nil {
		return nil
	}
	spec, err := substitute.ShownTask(task.Spec, b.vars)
	if err != nil {
		return nil
	}
	return spec
}
