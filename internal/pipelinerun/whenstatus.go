package pipelinerun

import (
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// maxWhenText is the maximum length in bytes of one text of a when expression in the status, and maxWhenValues the maximum
// number of values. A compared result can be a megabyte long, and the status must not repeat it.
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

// cut shortens a text, and adds its original length.
func cut(text string) string { return truncate.Counted(text, maxWhenText) }

// maxWhenBytes is the maximum length in bytes of all when expressions in the status of one PipelineRun. Those of later tasks
// are omitted: they are only for users.
const maxWhenBytes = 64 << 10

// bounded omits the when expressions above the limit, from both lists together. It changes the lists.
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
