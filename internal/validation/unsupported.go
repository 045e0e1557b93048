package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// This file is the only list of the fields of the API that the controller does not support yet. A run that sets such a field
// is refused, and the error names the field, so that no field is ignored silently. Support for a field removes its line.

// gap is a field that the controller does not act on yet, and whether it is set.
type gap struct {
	field string
	set   bool
}

// notSupported is what messages say of a gap; tests and callers may look for it.
const notSupported = "not supported yet; leave it out"

func refuse(r *Report, path *field.Path, gaps []gap) {
	for _, g := range gaps {
		if g.set {
			r.Add(field.Forbidden(path.Child(g.field), notSupported))
		}
	}
}

// UnsupportedInPipeline lists the fields of the pipeline, and of the tasks that are written out in it, that are set and that the
// controller does not act on yet.
func UnsupportedInPipeline(s *v1.PipelineSpec, path *field.Path) field.ErrorList {
	return Errors(func(r *Report) { reportUnsupportedInPipeline(r, s, path) })
}

// reportUnsupportedInPipeline reports the fields of the pipeline, and of the tasks that are written out in it, that are set and that the
// controller does not act on yet.
func reportUnsupportedInPipeline(r *Report, s *v1.PipelineSpec, path *field.Path) {
	for _, list := range taskLists(s) {
		for i := range r.each(len(list.tasks)) {
			reportUnsupportedInPipelineTask(r, &list.tasks[i], path.Child(list.field).Index(i))
		}
	}
}

func reportUnsupportedInPipelineTask(r *Report, t *v1.PipelineTask, path *field.Path) {
	refuse(r, path, []gap{
		{"pipelineRef", t.PipelineRef != nil},
		{"pipelineSpec", t.PipelineSpec != nil},
	})
}
