package pipelinerun

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// validate checks the run together with its pipeline, before any task starts.
func validate(pr *v1.PipelineRun, obs *Observation) *Problem {
	spec := obs.Spec
	faults := validation.PipelineRun(pr)
	if pr.Spec.PipelineSpec == nil {
		faults = append(faults, validation.PipelineSpec(spec, specPath(pr))...)
	}
	limits := obs.Config.Limits()
	faults = append(faults, validation.PipelineRunPolicy(pr, limits)...)
	if pr.Spec.PipelineSpec == nil {
		faults = append(faults, validation.PipelineSpecPolicy(spec, specPath(pr), limits)...)
	}
	if problem := invalid(faults); problem != nil {
		return problem
	}
	for _, problem := range []*Problem{
		paramProblem(validation.Params(spec.Params, pr.Spec.Params, field.NewPath("spec", "params"))),
		workspaceProblem(validation.PipelineWorkspaces(spec.Workspaces, pr.Spec.Workspaces, field.NewPath("spec", "workspaces"))),
		overrideProblem(pr, spec),
		timeoutProblem(pr, obs.Timeouts),
		sizeProblem(pr, spec),
	} {
		if problem != nil {
			return problem
		}
	}
	return nil
}

// specPath is the path of the run's pipeline in messages.
func specPath(pr *v1.PipelineRun) *field.Path {
	if pr.Spec.PipelineSpec == nil {
		return field.NewPath("pipeline", "spec")
	}
	return field.NewPath("spec", "pipelineSpec")
}

// reasonOf returns the reason of the API for an error of a pipeline.
func reasonOf(fault *field.Error) string {
	switch fault.Origin {
	case validation.OriginParamMissing:
		return v1.PipelineRunReasonParameterMissing
	case validation.OriginParam:
		return paramReason(fault)
	case validation.OriginGraph:
		return v1.PipelineRunReasonInvalidGraph
	case validation.OriginParamKeys:
		return v1.PipelineRunReasonObjectParameterMissKeys
	case validation.OriginMatrixParam:
		return v1.PipelineRunReasonInvalidMatrixParameterTypes
	case validation.OriginResultReference:
		return v1.PipelineRunReasonInvalidTaskResultReference
	case validation.OriginPipelineResult:
		return v1.PipelineRunReasonInvalidPipelineResultReference
	default:
		return v1.PipelineRunReasonValidationFailed
	}
}

// paramReason returns the reason of the API for an error of a param.
func paramReason(fault *field.Error) string {
	switch {
	case fault.Origin == validation.OriginParamKeys:
		return v1.PipelineRunReasonObjectParameterMissKeys
	case fault.Type == field.ErrorTypeTypeInvalid:
		return v1.PipelineRunReasonParameterTypeMismatch
	case fault.Type == field.ErrorTypeNotSupported:
		return v1.PipelineRunReasonInvalidParamValue
	default:
		return v1.PipelineRunReasonParameterMissing
	}
}

// paramProblem returns the problem of a run whose params are not those of its pipeline.
func paramProblem(faults field.ErrorList) *Problem {
	if len(faults) == 0 {
		return nil
	}
	return &Problem{Reason: paramReason(faults[0]), Message: faults.ToAggregate().Error()}
}

// workspaceProblem returns the problem of a run that does not bind the workspaces of its pipeline.
func workspaceProblem(faults field.ErrorList) *Problem {
	problem := invalid(faults)
	if problem != nil {
		problem.Reason = v1.PipelineRunReasonInvalidWorkspaceBindings
	}
	return problem
}

// invalid returns the problem of a run that breaks rules, with the reason of the first.
func invalid(faults field.ErrorList) *Problem {
	if len(faults) == 0 {
		return nil
	}
	return &Problem{Reason: reasonOf(faults[0]), Message: faults.ToAggregate().Error()}
}

// overrideProblem returns a problem with the tasks that the run overrides but that the pipeline does not have, or that have no
// such fields.
func overrideProblem(pr *v1.PipelineRun, spec *v1.PipelineSpec) *Problem {
	if len(pr.Spec.TaskRunSpecs) == 0 {
		return nil
	}
	tasks := map[string]*v1.PipelineTask{}
	for _, list := range [][]v1.PipelineTask{spec.Tasks, spec.Finally} {
		for i := range list {
			tasks[list[i].Name] = &list[i]
		}
	}
	path := field.NewPath("spec", "taskRunSpecs")
	var faults field.ErrorList
	for i := range pr.Spec.TaskRunSpecs {
		o := &pr.Spec.TaskRunSpecs[i]
		if len(faults) >= validation.MaxErrors {
			break
		}
		if tasks[o.PipelineTaskName] == nil {
			faults = append(faults, field.Invalid(path.Index(i).Child("pipelineTaskName"), o.PipelineTaskName,
				"the pipeline has no task of this name"))
		}
		faults = append(faults, validation.NestedOverride(path.Index(i), tasks[o.PipelineTaskName], o)...)
	}
	if problem := invalid(faults); problem != nil {
		problem.Reason = v1.PipelineRunReasonInvalidTaskRunSpecs
		return problem
	}
	return nil
}

// timeoutProblem returns a problem if a part of the run may take longer than the whole, which the installation's default can
// cause, or a task longer than its part.
func timeoutProblem(pr *v1.PipelineRun, timeouts Timeouts) *Problem {
	path := field.NewPath("spec", "timeouts")
	var faults field.ErrorList
	whole := timeouts.Pipeline
	if given := pr.Spec.Timeouts; given != nil && given.Pipeline == nil && whole > 0 {
		for _, part := range []struct {
			field string
			given bool
			limit string
			over  bool
		}{
			{"tasks", given.Tasks != nil, timeouts.Tasks.String(), timeouts.Tasks == 0 || timeouts.Tasks > whole},
			{"finally", given.Finally != nil, timeouts.Finally.String(), timeouts.Finally == 0 || timeouts.Finally > whole},
		} {
			if part.given && part.over {
				faults = append(faults, field.Invalid(path.Child(part.field), part.limit, fmt.Sprintf(
					"cannot be longer than the whole run, which is limited to %s by the installation; give timeouts.pipeline, too", whole)))
			}
		}
		if len(faults) == 0 && timeouts.Tasks+timeouts.Finally > whole {
			faults = append(faults, field.Invalid(path, (timeouts.Tasks+timeouts.Finally).String(), fmt.Sprintf(
				"tasks and finally together cannot be longer than the whole run, which is limited to %s by the installation", whole)))
		}
	}
	for i := range pr.Spec.TaskRunSpecs {
		o := &pr.Spec.TaskRunSpecs[i]
		if len(faults) == validation.MaxErrors {
			break
		}
		if o.Timeout == nil || whole == 0 || o.Timeout.Duration > 0 && o.Timeout.Duration <= whole {
			continue
		}
		faults = append(faults, field.Invalid(field.NewPath("spec", "taskRunSpecs").Index(i).Child("timeout"), o.Timeout.Duration.String(),
			fmt.Sprintf("cannot be longer than the whole run, which is limited to %s", whole)))
	}
	return invalid(faults)
}
