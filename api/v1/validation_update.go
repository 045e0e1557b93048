package v1

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What messages say of a spec that can no longer change.
const (
	runEnded   = "the run has ended, and its spec is the record of what was run; create another run"
	runStarted = "the run has started: only status and statusMessage can be changed; create another run"
)

// Begun reports whether the controller has acted on the run. Between two attempts a run has no start time and no pod:
// therefore everything in the status is a proof, but for what is written to a run that has not begun.
func (s *TaskRunStatus) Begun() bool {
	rest := *s
	rest.ObservedGeneration, rest.SpanContext = 0, nil
	return !equality.Semantic.DeepEqual(rest, TaskRunStatus{})
}

// Begun reports whether the controller has acted on the run. Everything in the status is a proof, but for what is written
// to a run that spec.status holds.
func (s *PipelineRunStatus) Begun() bool {
	rest := *s
	rest.ObservedGeneration, rest.SpanContext = 0, nil
	rest.Conditions = slices.DeleteFunc(slices.Clone(rest.Conditions), func(c metav1.Condition) bool {
		return c.Status == metav1.ConditionUnknown && c.Reason == PipelineRunReasonPending
	})
	return !equality.Semantic.DeepEqual(rest, PipelineRunStatus{})
}

// ValidateUpdate checks a change of the run's spec: none once it has ended, and only of status and statusMessage once it
// has begun. The status itself is not compared. Defaults are taken into account, so that they can be added.
func (r *TaskRun) ValidateUpdate(old *TaskRun) field.ErrorList {
	path := field.NewPath("spec")
	errs := checkManagedByKept(path, old.Spec.ManagedBy, r.Spec.ManagedBy)
	switch {
	case old.Status.Done():
		return append(errs, checkUnchanged(path, &old.Spec, &r.Spec, runEnded)...)
	case old.Status.Begun():
		before := old.Spec
		before.Status, before.StatusMessage = r.Spec.Status, r.Spec.StatusMessage
		return append(errs, checkUnchanged(path, &before, &r.Spec, runStarted)...)
	}
	return errs
}

// ValidateUpdate checks a change of the run's spec: none once it has ended, and only of status once it has begun. It
// cannot be held any more then. The status itself is not compared. Defaults are taken into account, so that they can be
// added.
func (r *PipelineRun) ValidateUpdate(old *PipelineRun) field.ErrorList {
	path := field.NewPath("spec")
	errs := checkManagedByKept(path, old.Spec.ManagedBy, r.Spec.ManagedBy)
	switch {
	case old.Status.Done():
		return append(errs, checkUnchanged(path, &old.Spec, &r.Spec, runEnded)...)
	case old.Status.Begun():
		before, pending := old.Spec, PipelineRunSpecStatusPending
		if r.Spec.Status == pending && before.Status != pending {
			errs = append(errs, field.Invalid(path.Child("status"), pending, "the run has started and cannot be held any more; cancel it, or let it end"))
		}
		before.Status = r.Spec.Status
		return append(errs, checkUnchanged(path, &before, &r.Spec, runStarted)...)
	}
	return errs
}

// defaultable is the spec of a run.
type defaultable[T any] interface {
	*T
	DeepCopy() *T
	SetDefaults()
}

// checkUnchanged refuses a change other than the addition of defaults. Copies are made only where there is a change.
func checkUnchanged[T any, P defaultable[T]](path *field.Path, before, after P, rule string) field.ErrorList {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	before, after = before.DeepCopy(), after.DeepCopy()
	before.SetDefaults()
	after.SetDefaults()
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
