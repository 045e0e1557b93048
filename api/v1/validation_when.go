package v1

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateWhen checks the form of when expressions: either cel, or input, operator and values.
func validateWhen(path *field.Path, when []WhenExpression) field.ErrorList {
	var errs field.ErrorList
	for i := range when {
		errs = append(errs, when[i].validate(path.Index(i))...)
	}
	return errs
}

func (w *WhenExpression) validate(path *field.Path) field.ErrorList {
	if w.CEL != "" {
		if w.Input != "" || w.Operator != "" || len(w.Values) > 0 {
			return field.ErrorList{field.Forbidden(path.Child("cel"), "give either cel, or input with operator and values, not both")}
		}
		return nil
	}
	var errs field.ErrorList
	switch {
	case w.Operator == "":
		errs = append(errs, field.Required(path.Child("operator"), "give in or notin, or an expression in cel"))
	case !slices.Contains(WhenOperators(), w.Operator):
		errs = append(errs, field.NotSupported(path.Child("operator"), w.Operator, WhenOperators()))
	}
	if len(w.Values) == 0 {
		errs = append(errs, field.Required(path.Child("values"), "give at least one value to compare input with"))
	}
	return errs
}
