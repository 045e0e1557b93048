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

func refuse(path *field.Path, gaps []gap) field.ErrorList {
	var errs field.ErrorList
	for _, g := range gaps {
		if g.set {
			errs = append(errs, field.Forbidden(path.Child(g.field), notSupported))
		}
	}
	return errs
}

// Unsupported lists the fields of the task that are set and that the controller does not act on yet.
func (s *TaskSpec) Unsupported(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range s.Steps {
		for n := range s.Steps[i].When {
			errs = append(errs, refuse(path.Child("steps").Index(i).Child("when").Index(n), s.Steps[i].When[n].gaps())...)
		}
	}
	return errs
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

// Unsupported lists the fields of the run, and of the task that is written out in it, that are set and that the
// controller does not act on yet.
func (r *TaskRun) Unsupported() field.ErrorList {
	if r.Spec.TaskSpec == nil {
		return nil
	}
	return r.Spec.TaskSpec.Unsupported(field.NewPath("spec", "taskSpec"))
}

// Unsupported lists the fields of the pipeline, and of the tasks that are written out in it, that are set and that the
// controller does not act on yet.
func (s *PipelineSpec) Unsupported(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, list := range s.lists() {
		for i := range list.tasks {
			errs = append(errs, list.tasks[i].unsupported(path.Child(list.field).Index(i))...)
		}
	}
	return errs
}

func (t *PipelineTask) unsupported(path *field.Path) field.ErrorList {
	errs := refuse(path, []gap{
		{"pipelineRef", t.PipelineRef != nil},
		{"pipelineSpec", t.PipelineSpec != nil},
	})
	if t.TaskSpec != nil {
		path := path.Child("taskSpec")
		errs = append(errs, refuse(path, []gap{
			{"apiVersion", t.TaskSpec.APIVersion != ""},
			{"kind", t.TaskSpec.Kind != ""},
			{"spec", t.TaskSpec.Spec != nil},
		})...)
		errs = append(errs, t.TaskSpec.Unsupported(path)...)
	}
	return errs
}

// Unsupported lists the fields of the run, and of the pipeline that is written out in it, that are set and that the
// controller does not act on yet.
func (r *PipelineRun) Unsupported() field.ErrorList {
	if r.Spec.PipelineSpec == nil {
		return nil
	}
	return r.Spec.PipelineSpec.Unsupported(field.NewPath("spec", "pipelineSpec"))
}
