package pipelinerun

import (
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// maxWhenText is how much of one text of a when expression the status keeps, in bytes, and maxWhenValues how many values:
// a result that is compared can be a megabyte long, and the status must not repeat it.
const (
	maxWhenText   = 256
	maxWhenValues = 16
)

// shown shortens when expressions for the status.
func whenStatus(expressions []v1.WhenExpression) []v1.WhenExpression {
	if len(expressions) == 0 {
		return nil
	}
	out := make([]v1.WhenExpression, len(expressions))
	for i, e := range expressions {
		out[i] = v1.WhenExpression{Input: cut(e.Input), Operator: e.Operator, CEL: cut(e.CEL)}
		for _, value := range e.Values[:min(len(e.Values), maxWhenValues)] {
			out[i].Values = append(out[i].Values, cut(value))
		}
		if more := len(e.Values) - maxWhenValues; more > 0 {
			out[i].Values = append(out[i].Values, fmt.Sprintf("… (%d more)", more))
		}
	}
	return out
}

// cut shortens a text, and adds how long it was.
func cut(text string) string { return truncate.Counted(text, maxWhenText) }

// maxWhenBytes is how many bytes of when expressions one PipelineRun keeps in its status. Those of later tasks are
// left out: they are for people, and nothing depends on them.
const maxWhenBytes = 64 << 10

// bounded leaves out the when expressions that would be too much, of both lists together. It changes the lists.
func boundWhen(children []v1.ChildReference, skipped []v1.SkippedTask) {
	room := maxWhenBytes
	keep := func(when *[]v1.WhenExpression) {
		for _, e := range *when {
			room -= len(e.Input) + len(e.CEL)
			for _, value := range e.Values {
				room -= len(value)
			}
		}
		if room < 0 {
			*when = nil
		}
	}
	for i := range children {
		keep(&children[i].WhenExpressions)
	}
	for i := range skipped {
		keep(&skipped[i].WhenExpressions)
	}
}
