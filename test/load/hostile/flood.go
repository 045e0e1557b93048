package hostile

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

const (
	// Copies is how many TaskRuns the first task of a Flood has, and each has perCopy results of resultSize bytes: the limit
	// for one result by default.
	Copies     = 64
	perCopy    = 340
	resultSize = 4096
	// nowhere is a label that no node has.
	nowhere = "hostile.sluice.dev/nowhere"
)

// FloodBytes is how many bytes of results the second task of a Flood asks for.
const FloodBytes = Copies * perCopy * resultSize

// Flood is a valid PipelineRun whose second task takes all results of the first one, which has a matrix. No node takes the
// pods of the first one: who sends the run gives its TaskRuns FloodStatus instead.
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

// FloodStatus is the status of a TaskRun that has succeeded with all results of the first task of a Flood.
func FloodStatus() v1.TaskRunStatus {
	status := v1.TaskRunStatus{}
	value := v1.StringValue(strings.Repeat("x", resultSize))
	for i := range perCopy {
		status.Results = append(status.Results, v1.TaskRunResult{Name: fmt.Sprintf("r%d", i), Type: v1.TypeString, Value: value})
	}
	status.SetCondition(v1.Succeeded("written"), metav1.Now())
	return status
}
