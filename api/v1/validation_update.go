package v1

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What messages say of a spec that can no longer change.
const (
	runEnded   = "the run has ended, and its spec is the record of what was run; create another run"
	runStarted = "the run has started: only status and statusMessage can be changed; create another run"
)

// ValidateUpdate checks a change of the run's spec: none once it has ended, and only of status and statusMessage once it
// has started. The status itself is not compared. Defaults are taken into account, so that they can be added.
func (r *TaskRun) ValidateUpdate(old *TaskRun) field.ErrorList {
	path := field.NewPath("spec")
	before, after := old.Spec.DeepCopy(), r.Spec.DeepCopy()
	before.SetDefaults()
	after.SetDefaults()
	errs := checkManagedByKept(path, before.ManagedBy, after.ManagedBy)
	switch {
	case old.Status.Done():
		return append(errs, checkUnchanged(path, before, after, runEnded)...)
	case old.Status.StartTime != nil:
		before.Status, before.StatusMessage = after.Status, after.StatusMessage
		return append(errs, checkUnchanged(path, before, after, runStarted)...)
	}
	return errs
}

// ValidateUpdate checks a change of the run's spec: none once it has ended, and only of status once it has started. It
// cannot be held any more then. The status itself is not compared. Defaults are taken into account, so that they can be
// added.
func (r *PipelineRun) ValidateUpdate(old *PipelineRun) field.ErrorList {
	path := field.NewPath("spec")
	before, after := old.Spec.DeepCopy(), r.Spec.DeepCopy()
	before.SetDefaults()
	after.SetDefaults()
	errs := checkManagedByKept(path, before.ManagedBy, after.ManagedBy)
	switch {
	case old.Status.Done():
		return append(errs, checkUnchanged(path, before, after, runEnded)...)
	case old.Status.StartTime != nil:
		pending := PipelineRunSpecStatusPending
		if after.Status == pending && before.Status != pending {
			errs = append(errs, field.Invalid(path.Child("status"), pending, "the run has started and cannot be held any more; cancel it, or let it end"))
		}
		before.Status = after.Status
		return append(errs, checkUnchanged(path, before, after, runStarted)...)
	}
	return errs
}

func checkUnchanged[T any](path *field.Path, before, after T, rule string) field.ErrorList {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	return field.ErrorList{field.Forbidden(path, rule)}
}

func checkManagedByKept(path *field.Path, before, after *string) field.ErrorList {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	return field.ErrorList{field.Forbidden(path.Child("managedBy"), "cannot be changed")}
}
