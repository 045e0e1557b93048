package taskrun

import (
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
)

// problems describes results that could not be transported. The reason is that of the first.
func problems(spec *v1.TaskSpec, list []frame.Problem) (reason string, messages []string) {
	for i, p := range list {
		r, message := problem(p, placeOf(spec, p.Result))
		if i == 0 {
			reason = r
		}
		messages = append(messages, message)
	}
	return reason, messages
}

// resultPlace is a result that left the pod, or did not, as its users know it.
type resultPlace struct {
	// noun is its name in messages, and path the path of its file.
	noun, path string
}

// placeOf returns the result that is transported under a name.
func placeOf(spec *v1.TaskSpec, name string) resultPlace {
	for _, c := range pod.ResultsOf(spec) {
		if c.Name == name && c.IsDocument() {
			return resultPlace{transport.Documented(spec, c), c.Path(spec)}
		}
		if c.Name == name && c.Step != pod.OfTask {
			step := spec.Steps[c.Step]
			return resultPlace{
				fmt.Sprintf("result %q of step %q", c.Result, podpaths.StepName(step, c.Step)),
				podpaths.StepResultPath(step, c.Step, c.Result),
			}
		}
	}
	return resultPlace{fmt.Sprintf("result %q", name), podpaths.ResultPath(name)}
}

func problem(p frame.Problem, c resultPlace) (reason, message string) {
	detail := ""
	if p.Detail != "" {
		detail = ": " + p.Detail
	}
	switch p.Kind {
	case frame.TooLarge:
		return v1.TaskRunReasonResultTooLarge, fmt.Sprintf("%s has %d bytes, more than the limit of %d%s; "+
			"raise max-result-size in ConfigMap feature-flags (with results-from: sidecar-logs up to %d)",
			c.noun, p.Size, p.Limit, detail, results.ObjectLimit-1)
	case frame.OverBudget:
		return v1.TaskRunReasonResultTooLarge, fmt.Sprintf("the results of %q need %d bytes in its termination message, more than "+
			"the limit of %d; %s takes most of them; set results-from: sidecar-logs in ConfigMap feature-flags",
			p.Detail, p.Size, p.Limit, c.noun)
	case frame.TotalTooLarge:
		return v1.TaskRunReasonResultTooLarge, fmt.Sprintf("with %s all results together have %d bytes, more than the %d "+
			"that one object can hold%s; pass large data through a workspace", c.noun, p.Size, p.Limit, detail)
	case frame.NotUTF8:
		return v1.TaskRunReasonResultNotUTF8, fmt.Sprintf("%s is not valid UTF-8, which the API cannot hold unchanged%s; "+
			"encode it in the step, for example with base64", c.noun, detail)
	case frame.Missing:
		return v1.TaskRunReasonResultUnreadable, fmt.Sprintf("%s was left by a step, and is not there in the end%s; a later step "+
			"deleted or replaced it: keep it as a plain file at %s", c.noun, detail, c.path)
	case frame.Withheld:
		return v1.TaskRunReasonFailed, fmt.Sprintf("%s is not kept%s", c.noun, detail)
	default:
		return v1.TaskRunReasonResultUnreadable, fmt.Sprintf("%s cannot be read (%s)%s; write it as a plain file at %s",
			c.noun, p.Kind, detail, c.path)
	}
}
