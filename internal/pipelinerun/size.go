package pipelinerun

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// statusReserve is the room in bytes that an object must have for its later status before it is created. A run that could be
// created but never end would be worse than one that is not created.
const statusReserve = 16 << 10

// sizeProblem returns a problem if the run cannot be stored together with a copy of its pipeline and a reference to each of
// its children.
func sizeProblem(pr *v1.PipelineRun, spec *v1.PipelineSpec) *Problem {
	whole := *pr
	whole.Status.PipelineSpec = spec
	encoded := objectsize.Stored(&whole) + statusReserve
	guarded := false
	for _, tasks := range [][]v1.PipelineTask{spec.Tasks, spec.Finally} {
		for i := range tasks {
			encoded += referenceSize(pr, &tasks[i])
			guarded = guarded || len(tasks[i].When) > 0
		}
	}
	if guarded {
		encoded += maxWhenBytes
	}
	if encoded <= objectsize.Limit {
		return nil
	}
	return &Problem{Reason: v1.PipelineRunReasonValidationFailed, Message: fmt.Sprintf(
		"the PipelineRun with its pipeline, and references to its TaskRuns, in the status has %d bytes when encoded as JSON (%d of them in "+
			"metadata.managedFields), more than the limit of %d; make a Pipeline of spec.pipelineSpec, Tasks of its tasks, or give shorter params",
		encoded, objectsize.ManagedFields(pr), objectsize.Limit)}
}

// referenceSize returns the encoded bytes in the status for one child of a task, or for its entry as a skipped task. A
// display name with variables can become longer than it is here; the reserve has room for that.
func referenceSize(pr *v1.PipelineRun, task *v1.PipelineTask) int {
	const index = 1_000 // as long as any index is
	return objectsize.Encoded(referenceTo(kindOf(task), childName(pr, task.Name, index), task)) + len(",")
}

// tooManyReferences returns the problem of a matrix with more TaskRuns than the PipelineRun can refer to.
func tooManyReferences(n, needed, room int) string {
	return fmt.Sprintf("its matrix makes %d TaskRuns; references to them take %d bytes, and the PipelineRun has room for %d; "+
		"make a Pipeline of spec.pipelineSpec, or Tasks of its tasks", n, needed, room)
}

// childSize returns the bytes of a task's child, or a problem if it cannot be stored. What the status of the child repeats
// counts twice.
func childSize(task *v1.PipelineTask, child Run) (int, *Problem) {
	encoded := objectsize.Encoded(child.Object()) + statusReserve
	params, repeated := child.Given()
	if repeated != nil {
		encoded += objectsize.Encoded(repeated)
	}
	if encoded <= objectsize.Limit {
		return encoded, nil
	}
	return encoded, cannotStart(task.Name, fmt.Sprintf(
		"its %s would have %d bytes when encoded as JSON, more than the limit of %d (1.5 MiB for one object, less %d for what is "+
			"added to it); %s; pass large data through a "+
			"workspace", child.Kind().Name(), encoded, objectsize.Limit, objectsize.Reserve, largestParams(params)),
		v1.PipelineRunReasonResultTooLarge, v1.SkipReasonTooLargeResults)
}

// childrenSize returns the bytes of all children of a task, or a problem if one of them cannot be stored.
func childrenSize(task *v1.PipelineTask, children []Run) (int, *Problem) {
	bytes := 0
	for _, child := range children {
		encoded, problem := childSize(task, child)
		if problem != nil {
			return 0, problem
		}
		bytes += encoded
	}
	return bytes, nil
}

// lean returns the status without the when expressions, which are only for users.
func lean(status v1.PipelineRunStatus) v1.PipelineRunStatus {
	status.ChildReferences, status.SkippedTasks = slices.Clone(status.ChildReferences), slices.Clone(status.SkippedTasks)
	for i := range status.ChildReferences {
		status.ChildReferences[i].WhenExpressions = nil
	}
	for i := range status.SkippedTasks {
		status.SkippedTasks[i].WhenExpressions = nil
	}
	return status
}

// bare returns the lean status without results, with a copy of the condition Succeeded.
func bare(status v1.PipelineRunStatus) v1.PipelineRunStatus {
	status = lean(status)
	status.Results, status.Conditions = nil, slices.Clone(status.Conditions)
	meta.RemoveStatusCondition(&status.Conditions, v1.ConditionStartFailure)
	return status
}

func largestParams(params []v1.Param) string {
	parts := make([]objectsize.Part, len(params))
	for i := range params {
		parts[i] = objectsize.PartOf(params[i].Name, params[i].Value)
	}
	return objectsize.Largest("params", parts)
}

func resultParts(all []v1.PipelineRunResult) []objectsize.Part {
	parts := make([]objectsize.Part, len(all))
	for i := range all {
		parts[i] = objectsize.PartOf(all[i].Name, all[i].Value)
	}
	return parts
}
