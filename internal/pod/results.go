package pod

import (
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
)

// OfTask is the index of the step for results that are the task's.
const OfTask = -1

// Result is a result that leaves the pod: one that the task declares and its steps write, or one of a step.
type Result struct {
	// Declared has the name under which the result travels: that of a task's result is its own, that of a step's result
	// is <container>.<result>, or another one where that is none, or taken.
	results.Declared
	// Step is the index of the step, or OfTask.
	Step int
	// Result is the name of the result, as the task or the step declares it.
	Result string
}

// ResultsOf returns all results that leave the pod: first the task's, without those that take their value from a step,
// then those of each step. It depends on the names and types of steps and results alone: a task gives the same before and
// after variables are substituted in it, once its StepActions are resolved.
func ResultsOf(spec *v1.TaskSpec) []Result {
	var all []Result
	taken := map[string]bool{}
	for _, r := range spec.Results {
		taken[r.Name] = true
		if r.Value == nil {
			all = append(all, Result{declared(r.Name, r.Type, r.Properties), OfTask, r.Name})
		}
	}
	for i, step := range spec.Steps {
		for _, r := range step.Results {
			name := free(podpaths.StepContainer(step, i), r.Name, taken)
			taken[name] = true
			all = append(all, Result{declared(name, r.Type, r.Properties), i, r.Name})
		}
	}
	return all
}

// declared infers a type as the API does where none is given.
func declared(name string, t v1.ValueType, properties map[string]v1.PropertySpec) results.Declared {
	switch {
	case t != "":
	case len(properties) > 0:
		t = v1.TypeObject
	default:
		t = v1.TypeString
	}
	return results.Declared{Name: name, Type: string(t)}
}

// free returns a name that a result can travel under and that is not taken. A container's name has no dot, so that no two
// results of steps want the same one; but a result of the task may have it, and it may be too long.
func free(container, result string, taken map[string]bool) string {
	name := container + "." + result
	for n := 0; taken[name] || results.ValidName(name) != nil; n++ {
		name = container + "." + strconv.Itoa(n)
	}
	return name
}

// sourcePath is where the container that carries the results finds one.
func (r Result) sourcePath() string {
	if r.Step == OfTask {
		return podpaths.ResultPath(r.Result)
	}
	return stepRunDir(r.Step) + "/" + podpaths.StepResults + "/" + r.Result
}
