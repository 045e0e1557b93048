package v1beta1

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Default fills in what the StepAction leaves out.
func (s *StepAction) Default() { s.Spec.SetDefaults() }

// SetDefaults fills in what the StepAction leaves out and what follows from the rest of it. It can be called again
// without changing anything.
func (s *StepActionSpec) SetDefaults() {
	for i := range s.Params {
		s.Params[i].SetDefaults()
	}
	for i := range s.Results {
		s.Results[i].SetDefaults()
	}
}

// Validate checks the StepAction by itself. Each error names the field, its value and what is allowed there.
func (s *StepAction) Validate() field.ErrorList {
	return s.Spec.Validate(field.NewPath("spec"))
}

// Report checks the StepAction as Validate does, and reports the errors to r.
func (s *StepAction) Report(r *v1.Report) {
	s.Spec.Step().ReportAction(r, field.NewPath("spec"), s.Spec.Params)
}

// Validate checks the StepAction by itself. Each error names the field, its value and what is allowed there.
func (s *StepActionSpec) Validate(path *field.Path) field.ErrorList {
	return s.Step().ValidateAction(path, s.Params)
}

// Step is the step that the StepAction stands for. It shares the memory of the StepAction, and has neither a name nor
// anything else that only the step which refers to it can say.
func (s *StepActionSpec) Step() *v1.Step {
	return &v1.Step{
		Image: s.Image, Command: s.Command, Args: s.Args, Script: s.Script, WorkingDir: s.WorkingDir, Env: s.Env,
		VolumeMounts: s.VolumeMounts, SecurityContext: s.SecurityContext, Results: s.Results,
	}
}
