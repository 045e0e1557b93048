package pipelinerun

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
)

// reserve is kept free, in bytes, for what the API server itself writes into an object (managedFields) and for what etcd
// adds to a request.
const reserve = 16 << 10

// sizeLimit is what an object may have, encoded as JSON, in bytes.
const sizeLimit = results.ObjectLimit - reserve

// statusReserve is kept free, in bytes, in a TaskRun that is about to be made, for the status that it will have: a run
// that could be made and never end would be worse than one that is not made.
const statusReserve = 16 << 10

// encodedSize is the length of v as the API server stores a custom resource: JSON in which "<", ">" and "&" take six
// bytes each, as in Go's encoder.
func encodedSize(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		// Every type of the API encodes; if one does not, it cannot be stored either.
		return results.ObjectLimit
	}
	return len(b)
}

// sizeProblem says so when the run cannot be stored together with a copy of its pipeline.
func sizeProblem(pr *v1.PipelineRun, spec *v1.PipelineSpec) *Problem {
	whole := *pr
	whole.Status.PipelineSpec = spec
	if size := encodedSize(whole) + statusReserve; size > sizeLimit {
		return &Problem{Reason: v1.PipelineRunReasonValidationFailed, Message: fmt.Sprintf(
			"the PipelineRun with its pipeline in the status has %d bytes when encoded as JSON, more than the limit of %d; "+
				"make a Pipeline of its own of it, or give shorter params", size, sizeLimit)}
	}
	return nil
}

// childSizeProblem says so when the TaskRun of a task cannot be stored. The spec of a task that is written out counts
// twice: the TaskRun's status has a copy.
func childSizeProblem(task *v1.PipelineTask, child *v1.TaskRun) *Problem {
	size := encodedSize(child) + statusReserve
	if child.Spec.TaskSpec != nil {
		size += encodedSize(child.Spec.TaskSpec)
	}
	if size <= sizeLimit {
		return nil
	}
	return &Problem{
		Task: task.Name, Reason: v1.PipelineRunReasonResultTooLarge, SkipReason: v1.SkipReasonStopping,
		Message: fmt.Sprintf("task %q cannot start: its TaskRun would have %d bytes when encoded as JSON, more than the limit of %d "+
			"(1.5 MiB for one object, less %d for what is added to it); %s; hand large data on through a workspace",
			task.Name, size, sizeLimit, reserve, largestParams(child.Spec.Params)),
	}
}

// fitted returns the status as it is when the whole PipelineRun can be stored with it. Otherwise it is that of a run that
// has failed for that reason, without the results: etcd would refuse the object, and the run would never end.
func fitted(pr *v1.PipelineRun, status v1.PipelineRunStatus, now metav1.Time) v1.PipelineRunStatus {
	whole := *pr
	whole.Status = status
	size := encodedSize(whole)
	if size <= sizeLimit {
		return status
	}
	message := fmt.Sprintf("the PipelineRun with its results has %d bytes when encoded as JSON, more than the limit of %d "+
		"(1.5 MiB for one object, less %d for the API server); %s; the results of the tasks are in their TaskRuns",
		size, sizeLimit, reserve, largestResults(status.Results))
	status.Results = nil
	reason := v1.PipelineRunReasonResultTooLarge
	if c := status.Condition(); c != nil && c.Status == metav1.ConditionFalse {
		// Why the run failed is what a user must hear first.
		reason, message = c.Reason, c.Message+"; "+message
	}
	status.SetCondition(v1.Failed(reason, message), now)
	return status
}

type sized struct {
	name string
	size int
}

func largestParams(params []v1.Param) string {
	list := make([]sized, len(params))
	for i := range params {
		list[i] = sized{params[i].Name, encodedSize(params[i].Value)}
	}
	return largest("params", list)
}

func largestResults(all []v1.PipelineRunResult) string {
	list := make([]sized, len(all))
	for i := range all {
		list[i] = sized{all[i].Name, encodedSize(all[i].Value)}
	}
	return largest("results", list)
}

// largest names the three that take most, largest first.
func largest(noun string, list []sized) string {
	if len(list) == 0 {
		return "it has no " + noun
	}
	slices.SortStableFunc(list, func(a, b sized) int { return cmp.Compare(b.size, a.size) })
	parts := make([]string, 0, 3)
	for _, s := range list[:min(3, len(list))] {
		parts = append(parts, fmt.Sprintf("%q with %d", s.name, s.size))
	}
	return "the largest " + noun + ", encoded: " + strings.Join(parts, ", ")
}
