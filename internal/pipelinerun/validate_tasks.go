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

// checkTasks resolves the Tasks and Pipelines that the pipeline refers to, and checks whether the pipeline matches them, so that an error
// in the last task is found before any starts.
func (r *Reconciler) checkTasks(ctx context.Context, pr *v1.PipelineRun, run resolve.Run, obs *Observation) (*Problem, error) {
	var waits resolve.Waits
	together := validation.Together{Spec: obs.Spec, Path: specPath(pr), Run: pr, Tasks: map[string]*v1.TaskSpec{}, Starting: true}
	finder := &definitions{r.resolver, run, obs.Vars, map[string]*v1.TaskSpec{}}
	for _, list := range []struct {
		field string
		tasks []v1.PipelineTask
	}{{"tasks", obs.Spec.Tasks}, {"finally", obs.Spec.Finally}} {
		for i := range list.tasks {
			task := &list.tasks[i]
			if task.TaskSpec != nil || task.PipelineSpec != nil || task.Custom() {
				continue
			}
			resolved, problem, err := finder.find(ctx, task)
			if waits.Add(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if problem != nil {
				reference, reason := "taskRef", v1.PipelineRunReasonCouldntGetTask
				if task.Nested() {
					reference, reason = "pipelineRef", v1.PipelineRunReasonCouldntGetPipeline
				}
				return &Problem{
					Reason:  resolve.ReasonFor(problem, reason),
					Message: fmt.Sprintf("task %q (%s[%d].%s): %v", task.Name, list.field, i, reference, problem),
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

// definitions finds the Tasks and Pipelines that the tasks of a pipeline refer to, each once.
type definitions struct {
	resolver *resolve.Resolver
	run      resolve.Run
	vars     substitute.Variables
	byRef    map[string]*v1.TaskSpec
}

// find finds what a task refers to. Of a Pipeline it returns the params, workspaces and results. It returns nothing if the
// reference depends on a result.
func (d *definitions) find(ctx context.Context, task *v1.PipelineTask) (spec *v1.TaskSpec, problem, err error) {
	only := &v1.PipelineTask{TaskRef: task.TaskRef, PipelineRef: task.PipelineRef}
	if len(neededBy(only)) > 0 {
		return nil, nil, nil
	}
	substituted, err := substitute.PipelineTask(only, d.vars, view{})
	if err != nil {
		return nil, err, nil
	}
	key, err := json.Marshal(substituted)
	if err != nil {
		return nil, nil, err
	}
	if known := d.byRef[string(key)]; known != nil {
		return known, nil, nil
	}
	spec, err = d.fetch(ctx, substituted)
	if errors.Is(err, resolve.ErrUnresolvable) {
		return nil, err, nil
	}
	if err != nil {
		return nil, nil, err
	}
	d.byRef[string(key)] = spec
	return spec, nil, nil
}

func (d *definitions) fetch(ctx context.Context, task *v1.PipelineTask) (*v1.TaskSpec, error) {
	if task.Nested() {
		pipeline, _, err := d.resolver.Pipeline(ctx, d.run, task.PipelineRef)
		if err != nil {
			return nil, err
		}
		spec := pipeline.Spec.DeepCopy()
		validation.DefaultPipelineSpec(spec)
		return validation.PipelineAsTask(spec), nil
	}
	found, err := d.resolver.Task(ctx, d.run, task.TaskRef)
	if err != nil {
		return nil, err
	}
	spec := found.Spec.DeepCopy()
	validation.DefaultTaskSpec(spec)
	return spec, nil
}
