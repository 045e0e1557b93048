package v1

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateWhen checks the form of when expressions: either cel, or input, operator and values.
func validateWhen(r *Report, path *field.Path, when []WhenExpression) {
	for i := range r.each(len(when)) {
		when[i].validate(r, path.Index(i))
	}
}

func (w *WhenExpression) validate(r *Report, path *field.Path) {
	if w.CEL != "" {
		if w.Input != "" || w.Operator != "" || len(w.Values) > 0 {
			r.Add(field.Forbidden(path.Child("cel"), "give either cel, or input with operator and values, not both"))
		}
		return
	}
	switch {
	case w.Operator == "":
		r.Add(field.Required(path.Child("operator"), "give in or notin, or an expression in cel"))
	case !slices.Contains(WhenOperators(), w.Operator):
		r.Add(field.NotSupported(path.Child("operator"), WhenOperator(shown(string(w.Operator))), WhenOperators()))
	}
	if len(w.Values) == 0 {
		r.Add(field.Required(path.Child("values"), "give at least one value to compare input with"))
	}
}
