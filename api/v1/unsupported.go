package v1

import (
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// This file is the one list of what the API has and the controller does not act on yet. A run that sets such a field is
// refused by name: nothing that a user wrote is dropped in silence. Whoever implements a field removes its line.

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

// unsupported reports the fields of the task that are set and that the controller does not act on yet.
func (s *TaskSpec) unsupported(r *Report, path *field.Path) {
	for i := range r.each(len(s.Steps)) {
		for n := range r.each(len(s.Steps[i].When)) {
			refuse(r, path.Child("steps").Index(i).Child("when").Index(n), s.Steps[i].When[n].gaps())
		}
	}
}

// gaps are those of an expression that guards a step. One in CEL is judged before the pod is made, so that it cannot know
// what earlier steps will have produced.
func (w *WhenExpression) gaps() []gap {
	for r := range References(w.CEL) {
		if r.Root == RootSteps {
			return []gap{{"cel", true}}
		}
	}
	return nil
}

// Unsupported lists the fields of the task that are set and that the controller does not act on yet.
func (s *TaskSpec) Unsupported(path *field.Path) field.ErrorList {
	return reported(func(r *Report) { s.unsupported(r, path) })
}

// Unsupported lists the fields of the pipeline, and of the tasks that are written out in it, that are set and that the
// controller does not act on yet.
func (s *PipelineSpec) Unsupported(path *field.Path) field.ErrorList {
	return reported(func(r *Report) { s.unsupported(r, path) })
}

// unsupported reports the fields of the pipeline, and of the tasks that are written out in it, that are set and that the
// controller does not act on yet.
func (s *PipelineSpec) unsupported(r *Report, path *field.Path) {
	for _, list := range s.lists() {
		for i := range r.each(len(list.tasks)) {
			list.tasks[i].unsupported(r, path.Child(list.field).Index(i))
		}
	}
}

func (t *PipelineTask) unsupported(r *Report, path *field.Path) {
	refuse(r, path, []gap{
		{"pipelineRef", t.PipelineRef != nil},
		{"pipelineSpec", t.PipelineSpec != nil},
	})
	if t.TaskSpec != nil {
		path := path.Child("taskSpec")
		refuse(r, path, []gap{
			{"apiVersion", t.TaskSpec.APIVersion != ""},
			{"kind", t.TaskSpec.Kind != ""},
			{"spec", t.TaskSpec.Spec != nil},
		})
		t.TaskSpec.unsupported(r, path)
	}
}
