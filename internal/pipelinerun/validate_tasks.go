package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// checkTasks resolves the Tasks that the pipeline refers to, and checks whether the pipeline matches them, so that an error
// in the last task is found before any starts.
func (r *Reconciler) checkTasks(ctx context.Context, pr *v1.PipelineRun, run resolve.Run, obs *Observation) (*Problem, error) {
	var waits resolve.Waits
	together := validation.Together{Spec: obs.Spec, Path: specPath(pr), Run: pr, Tasks: map[string]*v1.TaskSpec{}, Starting: true}
	byRef := map[string]*v1.TaskSpec{}
	for _, list := range []struct {
		field string
		tasks []v1.PipelineTask
	}{{"tasks", obs.Spec.Tasks}, {"finally", obs.Spec.Finally}} {
		for i := range list.tasks {
			task := &list.tasks[i]
			if task.TaskSpec != nil || task.Custom() {
				continue
			}
			resolved, problem, err := r.resolveTask(ctx, run, task, obs.Vars, byRef)
			if waits.Add(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if problem != nil {
				return &Problem{
					Reason:  resolve.ReasonFor(problem, v1.PipelineRunReasonCouldntGetTask),
					Message: fmt.Sprintf("task %q (%s[%d].taskRef): %v", task.Name, list.field, i, problem),
				}, nil
			}
			together.Tasks[task.Name] = resolved
		}
	}
	if err := waits.Err(); err != nil {
		return nil, err
	}
	return invalid(validation.Errors(func(r *validation.Report) { validation.ReportTogether(r, together) })), nil
}

// resolveTask finds the Task that a pipeline's task refers to. It returns nothing if that depends on a result.
func (r *Reconciler) resolveTask(ctx context.Context, run resolve.Run, task *v1.PipelineTask,
	vars substitute.Variables, byRef map[string]*v1.TaskSpec) (spec *v1.TaskSpec, problem, err error) {
	only := &v1.PipelineTask{TaskRef: task.TaskRef}
	if len(neededBy(only)) > 0 {
		return nil, nil, nil
	}
	substituted, err := substitute.PipelineTask(only, vars, view{})
	if err != nil {
		return nil, err, nil
	}
	key, err := json.Marshal(substituted.TaskRef)
	if err != nil {
		return nil, nil, err
	}
	if known := byRef[string(key)]; known != nil {
		return known, nil, nil
	}
	found, err := r.resolver.Task(ctx, run, substituted.TaskRef)
	if errors.Is(err, resolve.ErrUnresolvable) {
		return nil, err, nil
	}
	if err != nil {
		return nil, nil, err
	}
	spec = found.Spec.DeepCopy()
	validation.DefaultTaskSpec(spec)
	byRef[string(key)] = spec
	return spec, nil, nil
}
