package v1

import (
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateAction checks the step that a StepAction stands for, with the params that the StepAction declares. It sees
// nothing of the task that will use it: neither params nor volumes. Which of them it mounts, a param says.
func (s *Step) ValidateAction(path *field.Path, params []ParamSpec) field.ErrorList {
	errs := validateParamSpecs(params, path.Child("params"))
	errs = append(errs, requireImage(path, s.Image)...)
	errs = append(errs, s.validate(path)...)
	for i := range s.VolumeMounts {
		name := s.VolumeMounts[i].Name
		if r, sole := soleReference(StringValue(name)); !sole || r.Root != RootParams {
			errs = append(errs, field.Invalid(path.Child("volumeMounts").Index(i).Child("name"), shown(name), "must be one reference to a param, as in $(params.<name>), so that the task says which volume it is"))
		}
	}
	errs = append(errs, mountCheck{}.checkMounts(path.Child("volumeMounts"), s.VolumeMounts)...)
	in := newScope()
	in.addParams(params)
	in.results = nil
	in.steps, in.step = []Step{*s}, 0
	references := &taskReferences{scope: in}
	s.VisitTexts(path, references)
	return append(errs, references.errs...)
}
