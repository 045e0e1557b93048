package validation

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// MaxWarnings is how many warnings a report lists.
const MaxWarnings = 50

// Warning is about a part of an object that is accepted and looks like a mistake, such as a text that looks like a variable
// and stays a text.
type Warning struct {
	// Field is the path of the part, such as spec.steps[0].script.
	Field string
	// Value is the text in question, shortened; it can be empty.
	Value string
	// Message says what happens with the value, why, and what to write instead.
	Message string
}

// String returns the warning as one line, in the form of a field.Error.
func (w Warning) String() string {
	if w.Value == "" {
		return fmt.Sprintf("%s: %s", w.Field, w.Message)
	}
	return fmt.Sprintf("%s: %q: %s", w.Field, w.Value, w.Message)
}

// Findings are what a check has found in one object.
type Findings struct {
	// Errors are the rules that the object breaks: at most MaxErrors, and one behind them that says that there are more.
	Errors field.ErrorList
	// Warnings are at most MaxWarnings, and one behind them that says how many more there are. They are complete only if
	// there are no errors: a check that has found too many errors stops.
	Warnings []Warning
}

// Check returns the findings of a check that has no deadline.
func Check(check func(r *Report)) Findings {
	r := NewReport(context.Background(), nil)
	check(r)
	return r.Findings()
}

// Warn adds a warning about a part of the object, with its texts shortened to the bounds of a report. A Report that collects
// known errors has no warnings.
func (r *Report) Warn(path, value, message string) {
	if r.keep != nil {
		return
	}
	if len(r.warnings) == MaxWarnings {
		r.moreWarnings++
		return
	}
	r.warnings = append(r.warnings, Warning{
		Field: clipped(path, maxField), Value: shown(value), Message: clipped(message, maxDetail),
	})
}

// countedOnly is the text of a problem that is a warning, when no more warnings are listed.
const countedOnly = "not listed"

// listsWarnings reports whether another warning would be listed. If not, nothing reads its text.
func (r *Report) listsWarnings() bool { return r.keep == nil && len(r.warnings) < MaxWarnings }

// Findings returns what was added. After the context is done it is incomplete.
func (r *Report) Findings() Findings {
	found := Findings{Errors: r.Errors(), Warnings: slices.Clip(r.warnings)}
	if r.moreWarnings > 0 {
		found.Warnings = append(found.Warnings, Warning{
			Field: "spec", Message: fmt.Sprintf("and %d more warnings; correct these and check again", r.moreWarnings),
		})
	}
	return found
}
