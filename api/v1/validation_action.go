package v1

import (
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateAction checks the step that a StepAction stands for; see ReportAction.
func (s *Step) ValidateAction(path *field.Path, params []ParamSpec) field.ErrorList {
	return reported(func(r *Report) { s.ReportAction(r, path, params) })
}

// ReportAction checks the step that a StepAction stands for, with the params that the StepAction declares. It sees
// nothing of the task that will use it: neither params nor volumes. Which of them it mounts, a param says.
func (s *Step) ReportAction(r *Report, path *field.Path, params []ParamSpec) {
	validateParamSpecs(r, params, path.Child("params"))
	r.Add(requireImage(path, s.Image)...)
	s.validate(r, path)
	for i := range r.each(len(s.VolumeMounts)) {
		name := s.VolumeMounts[i].Name
		if ref, sole := soleReference(StringValue(name)); !sole || ref.Root != RootParams {
			r.Add(field.Invalid(path.Child("volumeMounts").Index(i).Child("name"), shown(name), "must be one reference to a param, as in $(params.<name>), so that the task says which volume it is"))
		}
	}
	mountCheck{Report: r}.checkMounts(path.Child("volumeMounts"), s.VolumeMounts)
	in := newScope(r)
	in.addParams(params)
	in.results = nil
	in.steps, in.step = newStepIndex([]Step{*s}), 0
	s.VisitTexts(path, &taskReferences{scope: in})
}
