package validation

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// What messages say of a spec that can no longer change.
const (
	runEnded   = "the run has ended, and its spec is the record of what was run; create another run"
	runBegun   = "the run has started and cannot be held any more; cancel it, or let it end"
	runStarted = "the run has started: only status and statusMessage can be changed; create another run"
)

// TaskRunUpdate checks a change of the run's spec: none once it has ended, and only of status and statusMessage once it
// has begun. It cannot be held any more then. The status itself is not compared. Defaults are taken into account, so that they
// can be added.
func TaskRunUpdate(r *v1.TaskRun, old *v1.TaskRun) field.ErrorList {
	path := field.NewPath("spec")
	errs := checkManagedByKept(path, old.Spec.ManagedBy, r.Spec.ManagedBy)
	switch {
	case old.Status.Done():
		return append(errs, checkUnchanged(path, &old.Spec, &r.Spec, DefaultTaskRunSpec, runEnded)...)
	case old.Status.Begun():
		before, pending := old.Spec, v1.TaskRunSpecStatusPending
		if r.Spec.Status == pending && before.Status != pending {
			errs = append(errs, field.Invalid(path.Child("status"), pending, runBegun))
		}
		before.Status, before.StatusMessage = r.Spec.Status, r.Spec.StatusMessage
		return append(errs, checkUnchanged(path, &before, &r.Spec, DefaultTaskRunSpec, runStarted)...)
	}
	return errs
}

// PipelineRunUpdate checks a change of the run's spec: none once it has ended, and only of status once it has begun. It
// cannot be held any more then. The status itself is not compared. Defaults are taken into account, so that they can be
// added.
func PipelineRunUpdate(r *v1.PipelineRun, old *v1.PipelineRun) field.ErrorList {
	path := field.NewPath("spec")
	errs := checkManagedByKept(path, old.Spec.ManagedBy, r.Spec.ManagedBy)
	switch {
	case old.Status.Done():
		return append(errs, checkUnchanged(path, &old.Spec, &r.Spec, DefaultPipelineRunSpec, runEnded)...)
	case old.Status.Begun():
		before, pending := old.Spec, v1.PipelineRunSpecStatusPending
		if r.Spec.Status == pending && before.Status != pending {
			errs = append(errs, field.Invalid(path.Child("status"), pending,
				runBegun))
		}
		before.Status = r.Spec.Status
		return append(errs, checkUnchanged(path, &before, &r.Spec, DefaultPipelineRunSpec, runStarted)...)
	}
	return errs
}

// copyable is a pointer to the spec of a run.
type copyable[T any] interface {
	*T
	DeepCopy() *T
}

// checkUnchanged refuses a change other than the addition of defaults. Copies are made only where there is a change.
func checkUnchanged[T any, P copyable[T]](path *field.Path, before, after P, setDefaults func(P), rule string) field.ErrorList {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	before, after = before.DeepCopy(), after.DeepCopy()
	setDefaults(before)
	setDefaults(after)
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
