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

func (r *ResolverRef) gaps() []gap {
	return []gap{
		{"resolver", r.Resolver != ""},
	}
}

func unsupportedBindings(path *field.Path, bound []WorkspaceBinding) field.ErrorList {
	var errs field.ErrorList
	for i := range bound {
		errs = append(errs, refuse(path.Index(i), []gap{
			{"persistentVolumeClaim", bound[i].PersistentVolumeClaim != nil},
			{"volumeClaimTemplate", bound[i].VolumeClaimTemplate != nil},
			{"secret", bound[i].Secret != nil},
			{"projected", bound[i].Projected != nil},
			{"csi", bound[i].CSI != nil},
		})...)
	}
	variables := &variableGap{}
	VisitBindings(bound, path, variables)
	return append(errs, variables.errs...)
}

// variableGap is a TextVisitor that refuses variables where they are not substituted yet.
type variableGap struct{ errs field.ErrorList }

func (v *variableGap) VisitText(path *field.Path, _ TextKind, text *string) {
	if HasReference(*text) {
		v.errs = append(v.errs, field.Invalid(path, shown(*text), "variables here are "+notSupported))
	}
}

func (v *variableGap) VisitList(*field.Path, *[]string) {}

// Unsupported lists the fields of the pipeline, and of the tasks that are written out in it, that are set and that the
// controller does not act on yet.
func (s *PipelineSpec) Unsupported(path *field.Path) field.ErrorList {
	errs := refuse(path, []gap{
		{"finally", len(s.Finally) > 0},
	})
	for i := range s.Tasks {
		errs = append(errs, s.Tasks[i].unsupported(path.Child("tasks").Index(i))...)
	}
	for i := range s.Finally {
		errs = append(errs, s.Finally[i].unsupported(path.Child("finally").Index(i))...)
	}
	return errs
}

func (t *PipelineTask) unsupported(path *field.Path) field.ErrorList {
	errs := refuse(path, []gap{
		{"when", len(t.When) > 0},
		{"matrix", t.Matrix != nil},
		{"retries", t.Retries != 0},
		{"timeout", t.Timeout != nil},
		{"onError", t.OnError != "" && t.OnError != OnErrorStopAndFail},
		{"pipelineRef", t.PipelineRef != nil},
		{"pipelineSpec", t.PipelineSpec != nil},
	})
	variables := &variableGap{}
	variables.VisitText(path.Child("displayName"), TextPlain, &t.DisplayName)
	for i := range t.Workspaces {
		variables.VisitText(path.Child("workspaces").Index(i).Child("subPath"), TextPlain, &t.Workspaces[i].SubPath)
	}
	if t.TaskRef != nil {
		errs = append(errs, refuse(path.Child("taskRef"), t.TaskRef.gaps())...)
		variables.VisitText(path.Child("taskRef", "name"), TextPlain, &t.TaskRef.Name)
	}
	errs = append(errs, variables.errs...)
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
	path, spec := field.NewPath("spec"), &r.Spec
	errs := refuse(path, []gap{
		{"taskRunSpecs", len(spec.TaskRunSpecs) > 0},
		{"timeouts", spec.Timeouts != nil},
		{"status", spec.Status != ""},
		{"managedBy", ManagedElsewhere(spec.ManagedBy)},
	})
	errs = append(errs, refuse(path.Child("taskRunTemplate"), []gap{
		{"podTemplate", spec.TaskRunTemplate.PodTemplate != nil},
	})...)
	if spec.PipelineRef != nil {
		errs = append(errs, refuse(path.Child("pipelineRef"), spec.PipelineRef.gaps())...)
	}
	if spec.PipelineSpec != nil {
		errs = append(errs, spec.PipelineSpec.Unsupported(path.Child("pipelineSpec"))...)
	}
	return append(errs, unsupportedBindings(path.Child("workspaces"), spec.Workspaces)...)
}
