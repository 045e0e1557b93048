package validation

import "k8s.io/apimachinery/pkg/util/validation/field"

// AddAtRun adds errors about a part with which no TaskRun can complete, in Tekton as here. Tekton admits the object, so in a
// Task, a Pipeline or a PipelineRun such an error is a warning: a task that never runs does no harm. A TaskRun is refused.
func (r *Report) AddAtRun(errs ...*field.Error) {
	if !r.template {
		r.Add(errs...)
		return
	}
	for _, err := range errs {
		r.Warn(err.Field, "", err.ErrorBody()+failsAtRun)
	}
}

// failsAtRun ends the message of such a warning.
const failsAtRun = "; a run of the task fails"

// ofTemplate makes AddAtRun warn, and returns the report.
func (r *Report) ofTemplate() *Report {
	r.template = true
	return r
}
