package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-ci/sluice/internal/admission/specschema"
	"github.com/sluice-ci/sluice/internal/validation"
)

const (
	// maxSteps limits how long the API server checks the schema of an object, in the steps of specschema: about 0.4 s. Objects with
	// scripts or long values reach their limit of 1.5 MiB first. Those that only have small elements reach this one, from 650 kB on.
	maxSteps = 400_000
	// moreSteps is how many an update may add to a stored object that is at the limit or above it, for example to cancel its run.
	moreSteps = 100
	// maxRefused is how many values of an object the API server's own check may refuse. Its time grows with their square: 0.1 s for
	// a thousand, 16 s for twenty thousand.
	maxRefused = 100
)

// tooCostly returns the errors of an object whose check would occupy the API server, which has not begun it yet. defaults are the steps
// of the defaults that the object does not have yet. An update of a stored object that is as costly is admitted, because users must be
// able to cancel its run. This adds a few values to it. old is nil for a new object.
func (k Kind) tooCostly(ctx context.Context, raw, old []byte, defaults int) field.ErrorList {
	if !json.Valid(raw) {
		return nil // the decoder refuses it
	}
	limits := specschema.Limits{Steps: maxSteps - defaults, Refused: maxRefused}
	cost := k.schema.Measure(raw, limits)
	if cost.Steps <= limits.Steps && cost.Refused <= limits.Refused {
		return nil
	}
	if json.Valid(old) {
		before := k.schema.Measure(old, specschema.Limits{Steps: math.MaxInt, Refused: math.MaxInt})
		limits = specschema.Limits{Steps: max(limits.Steps, before.Steps+moreSteps-defaults), Refused: max(limits.Refused, before.Refused)}
		cost = k.schema.Measure(raw, limits)
	}
	report := validation.NewReport(ctx, nil)
	switch {
	case cost.Refused > limits.Refused:
		report.Add(cost.Errors...)
	case cost.Steps > limits.Steps:
		report.Add(field.Forbidden(field.NewPath("spec"), fmt.Sprintf("it has too many small elements: the API server would need more "+
			"than %d steps to check them; split the object, or pass many values as one param of type array", limits.Steps+defaults)))
	}
	return report.Errors()
}

// stepsOfDefaults returns how many steps the defaults add to the check of an object. The stored object has them, and the cluster
// resolver, which reads it again, has the same limit.
func (k Kind) stepsOfDefaults(d *defaulted) int {
	if bytes.Equal(d.before, d.after) {
		return 0
	}
	all := specschema.Limits{Steps: math.MaxInt, Refused: math.MaxInt}
	return max(0, k.schema.Measure(d.after, all).Steps-k.schema.Measure(d.before, all).Steps)
}
