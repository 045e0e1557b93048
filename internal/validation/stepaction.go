package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// validateAction checks the step that a StepAction stands for; see reportAction.
func validateAction(s *v1.Step, path *field.Path, params []v1.ParamSpec) field.ErrorList {
	return Errors(func(r *Report) { reportAction(r, s, path, params) })
}

// reportAction checks the step that a StepAction stands for, with the params that the StepAction declares. It sees
// nothing of the task that will use it: neither params nor volumes. Which of them it mounts, a param says.
func reportAction(r *Report, s *v1.Step, path *field.Path, params []v1.ParamSpec) {
	validateParamSpecs(r, params, path.Child("params"), true)
	r.Add(requireImage(path, s.Image)...)
	validateStep(r, s, path)
	for i := range r.each(len(s.VolumeMounts)) {
		name := s.VolumeMounts[i].Name
		if ref, sole := variables.Sole(name); !sole || ref.Root != variables.RootParams {
			r.Add(field.Invalid(path.Child("volumeMounts").Index(i).Child("name"), shown(name),
				"must be one reference to a param, as in $(params.<name>), so that the task says which volume it is"))
		}
	}
	mountCheck{Report: r}.checkMounts(path.Child("volumeMounts"), s.VolumeMounts)
	in := newScope(r)
	in.addParams(params)
	in.results = nil
	in.steps, in.step, in.strict, in.typed = newStepIndex([]v1.Step{*s}), 0, true, true
	variables.VisitStepTexts(s, path, &taskReferences{scope: in})
}

// StepAction checks the StepAction alone. Each error names the field, its value and what is permitted there.
func StepAction(s *v1beta1.StepAction) field.ErrorList {
	return StepActionSpec(&s.Spec, field.NewPath("spec"))
}

// ReportStepAction checks the StepAction as StepAction does, and reports the errors to r.
func ReportStepAction(r *Report, s *v1beta1.StepAction) {
	reportAction(r, s.Spec.Step(), field.NewPath("spec"), s.Spec.Params)
}

// StepActionSpec checks the spec of a StepAction alone. Each error names the field, its value and what is permitted there.
func StepActionSpec(s *v1beta1.StepActionSpec, path *field.Path) field.ErrorList {
	return validateAction(s.Step(), path, s.Params)
}
