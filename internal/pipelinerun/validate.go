package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolve"
)

// validate checks the run together with its pipeline, before any task starts.
func validate(pr *v1.PipelineRun, spec *v1.PipelineSpec) *Problem {
	faults := pr.Validate()
	if pr.Spec.PipelineSpec == nil {
		faults = append(faults, spec.Validate(field.NewPath("pipeline", "spec"))...)
	}
	if len(faults) > 0 {
		return &Problem{Reason: reasonOf(faults[0]), Message: faults.ToAggregate().Error()}
	}
	if problem := paramProblem(v1.ValidateParams(spec.Params, pr.Spec.Params, field.NewPath("spec", "params"))); problem != nil {
		return problem
	}
	if problem := workspaceProblem(pr, spec); problem != nil {
		return problem
	}
	return sizeProblem(pr, spec)
}

// reasonOf is the reason that the API has for a fault of a pipeline.
func reasonOf(fault *field.Error) string {
	switch fault.Origin {
	case v1.OriginParamMissing:
		return v1.PipelineRunReasonParameterMissing
	case v1.OriginGraph:
		return v1.PipelineRunReasonInvalidGraph
	case v1.OriginResultReference:
		return v1.PipelineRunReasonInvalidTaskResultReference
	default:
		return v1.PipelineRunReasonValidationFailed
	}
}

// paramProblem turns faults of params into the reasons that the API has for them.
func paramProblem(faults field.ErrorList) *Problem {
	if len(faults) == 0 {
		return nil
	}
	reason := v1.PipelineRunReasonParameterMissing
	if faults[0].Type == field.ErrorTypeTypeInvalid {
		reason = v1.PipelineRunReasonParameterTypeMismatch
	}
	return &Problem{Reason: reason, Message: faults.ToAggregate().Error()}
}

// workspaceProblem names the workspaces that the pipeline needs and the run does not bind. A run may bind others.
func workspaceProblem(pr *v1.PipelineRun, spec *v1.PipelineSpec) *Problem {
	var faults field.ErrorList
	for i := range spec.Workspaces {
		declared := &spec.Workspaces[i]
		bound := slices.ContainsFunc(pr.Spec.Workspaces, func(b v1.WorkspaceBinding) bool { return b.Name == declared.Name })
		if !declared.Optional && !bound {
			faults = append(faults, field.Required(field.NewPath("spec", "workspaces"),
				fmt.Sprintf("missing workspace %q: declared by the pipeline and not optional", declared.Name)))
		}
	}
	if err := faults.ToAggregate(); err != nil {
		return &Problem{Reason: v1.PipelineRunReasonValidationFailed, Message: err.Error()}
	}
	return nil
}

// checkTasks resolves the Tasks that the pipeline refers to and checks what the pipeline gives them and wants from them,
// so that a mistake in the last task does not cost the time of all others.
func (r *Reconciler) checkTasks(ctx context.Context, pr *v1.PipelineRun, spec *v1.PipelineSpec) (*Problem, error) {
	tasks := make(map[string]*v1.TaskSpec, len(spec.Tasks))
	byRef := map[string]*v1.TaskSpec{}
	for i := range spec.Tasks {
		task := &spec.Tasks[i]
		if task.TaskSpec != nil {
			tasks[task.Name] = &task.TaskSpec.TaskSpec
			continue
		}
		resolved, ok := byRef[task.TaskRef.Name]
		if !ok {
			found, err := r.resolver.Task(ctx, pr.Namespace, task.TaskRef)
			if errors.Is(err, resolve.ErrUnresolvable) {
				return &Problem{
					Reason:  v1.PipelineRunReasonCouldntGetTask,
					Message: fmt.Sprintf("task %q (tasks[%d].taskRef.name): %v", task.Name, i, err),
				}, nil
			}
			if err != nil {
				return nil, err
			}
			resolved = found.Spec.DeepCopy()
			resolved.SetDefaults()
			byRef[task.TaskRef.Name] = resolved
		}
		tasks[task.Name] = resolved
		if problem := givenProblem(task, resolved, field.NewPath("tasks").Index(i)); problem != nil {
			return problem, nil
		}
	}
	return referenceProblem(spec, tasks), nil
}

// givenProblem checks the params and workspaces that a pipeline's task hands to the Task it refers to. A text that holds
// a reference has no type yet, and is not compared.
func givenProblem(task *v1.PipelineTask, spec *v1.TaskSpec, path *field.Path) *Problem {
	given := slices.Clone(task.Params)
	for i := range given {
		if given[i].Value.Type == v1.TypeString && v1.HasReference(given[i].Value.String) {
			given[i].Value = placeholder(spec, given[i].Name)
		}
	}
	if problem := paramProblem(v1.ValidateParams(spec.Params, given, path.Child("params"))); problem != nil {
		return problem
	}
	var faults field.ErrorList
	for i := range spec.Workspaces {
		declared := &spec.Workspaces[i]
		bound := slices.ContainsFunc(task.Workspaces, func(b v1.WorkspacePipelineTaskBinding) bool { return b.Name == declared.Name })
		if !declared.Optional && !bound {
			faults = append(faults, field.Required(path.Child("workspaces"),
				fmt.Sprintf("missing workspace %q: declared by the task and not optional", declared.Name)))
		}
	}
	if err := faults.ToAggregate(); err != nil {
		return &Problem{Reason: v1.PipelineRunReasonValidationFailed, Message: err.Error()}
	}
	return nil
}

// placeholder is a value that fits what a task declares under a name.
func placeholder(spec *v1.TaskSpec, name string) v1.Value {
	for i := range spec.Params {
		if spec.Params[i].Name != name {
			continue
		}
		value := v1.Value{Type: spec.Params[i].Type}
		if len(spec.Params[i].Enum) > 0 {
			value.String = spec.Params[i].Enum[0]
		}
		if value.Type == v1.TypeObject {
			value.Object = make(map[string]string, len(spec.Params[i].Properties))
			for key := range spec.Params[i].Properties {
				value.Object[key] = ""
			}
		}
		return value
	}
	return v1.StringValue("")
}

// referenceProblem names a reference to a result that its task does not declare.
func referenceProblem(spec *v1.PipelineSpec, tasks map[string]*v1.TaskSpec) *Problem {
	check := func(path *field.Path, value v1.Value) *Problem {
		for _, ref := range value.ResultRefs() {
			declared := slices.ContainsFunc(tasks[ref.Task].Results, func(r v1.TaskResult) bool { return r.Name == ref.Result })
			if !declared {
				return &Problem{
					Reason:  v1.PipelineRunReasonInvalidTaskResultReference,
					Message: fmt.Sprintf("%s refers to result %q of task %q, which declares no such result", path, ref.Result, ref.Task),
				}
			}
		}
		return nil
	}
	for i := range spec.Tasks {
		for j := range spec.Tasks[i].Params {
			path := field.NewPath("tasks").Index(i).Child("params").Index(j).Child("value")
			if problem := check(path, spec.Tasks[i].Params[j].Value); problem != nil {
				return problem
			}
		}
	}
	for i := range spec.Results {
		if problem := check(field.NewPath("results").Index(i).Child("value"), spec.Results[i].Value); problem != nil {
			return problem
		}
	}
	return nil
}
