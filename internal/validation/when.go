package validation

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// MaxCEL is how long all expressions in CEL of one object can be together, in bytes, without the values of their variables.
// To compile that many takes some tenths of a second.
const MaxCEL = 64 << 10

// validateWhen checks the form of when expressions: either cel, or input, operator and values.
func validateWhen(r *Report, path *field.Path, when []v1.WhenExpression) {
	for i := range r.each(len(when)) {
		validateWhenExpression(r, &when[i], path.Index(i))
	}
}

func validateWhenExpression(r *Report, w *v1.WhenExpression, path *field.Path) {
	if w.CEL != "" {
		if w.Input != "" || w.Operator != "" || len(w.Values) > 0 {
			r.Add(field.Forbidden(path.Child("cel"), "give either cel, or input with operator and values, not both"))
		}
		if r.cel += len(w.CEL); r.cel > MaxCEL {
			r.Add(field.Invalid(path.Child("cel"), shown(w.CEL), fmt.Sprintf("the expressions in cel of one object "+
				"can have %d bytes together, and up to here they have %d; use input, operator and values, or split the object", MaxCEL, r.cel)))
		}
		return
	}
	switch {
	case w.Operator == "":
		r.Add(field.Required(path.Child("operator"), "give in or notin, or an expression in cel"))
	case !slices.Contains(v1.WhenOperators(), w.Operator):
		r.Add(field.NotSupported(path.Child("operator"), v1.WhenOperator(shown(string(w.Operator))), v1.WhenOperators()))
	}
	if len(w.Values) == 0 {
		r.Add(field.Required(path.Child("values"), "give at least one value to compare input with"))
	}
}
