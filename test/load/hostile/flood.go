package hostile

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

const (
	// Copies is the number of TaskRuns of a Flood's first task. Each has perCopy results of resultSize bytes, which is the
	// default limit for one result.
	Copies     = 64
	perCopy    = 340
	resultSize = 4096
	// nowhere is a label that no node has.
	nowhere = "hostile.sluice.dev/nowhere"
)

// FloodBytes is the number of bytes of results that a Flood's second task needs.
const FloodBytes = Copies * perCopy * resultSize

// Flood returns a valid PipelineRun whose second task needs all results of the first one, which has a matrix. No node accepts
// the pods of the first task. The sender of the run writes FloodStatus to its TaskRuns instead.
func Flood(namespace, name, image string) *v1.PipelineRun {
	b := builder{image: image}
	wide, takes := b.task("wide"), b.task("takes")
	copies := make([]string, Copies)
	for i := range copies {
		copies[i] = fmt.Sprint(i)
	}
	wide.TaskSpec.Params = []v1.ParamSpec{{Name: "copy", Type: v1.TypeString}}
	wide.Matrix = &v1.Matrix{Params: []v1.Param{{Name: "copy", Value: v1.ArrayValue(copies...)}}}
	for i := range perCopy {
		result := fmt.Sprintf("r%d", i)
		wide.TaskSpec.Results = append(wide.TaskSpec.Results, v1.TaskResult{Name: result, Type: v1.TypeString})
		takes.TaskSpec.Params = append(takes.TaskSpec.Params, v1.ParamSpec{Name: result, Type: v1.TypeArray})
		takes.Params = append(takes.Params, v1.Param{Name: result, Value: v1.StringValue(fmt.Sprintf("$(tasks.wide.results.%s[*])", result))})
	}
	run := b.run(wide, takes)
	run.Namespace, run.Name = namespace, name
	run.Spec.TaskRunTemplate.PodTemplate = &v1.PodTemplate{NodeSelector: map[string]string{nowhere: "x"}}
	return run
}

// FloodStatus returns the status of a successful TaskRun with all results of a Flood's first task.
func FloodStatus() v1.TaskRunStatus {
	status := v1.TaskRunStatus{}
	value := v1.StringValue(strings.Repeat("x", resultSize))
	for i := range perCopy {
		status.Results = append(status.Results, v1.TaskRunResult{Name: fmt.Sprintf("r%d", i), Type: v1.TypeString, Value: value})
	}
	status.SetCondition(v1.Succeeded("written"), metav1.Now())
	return status
}
