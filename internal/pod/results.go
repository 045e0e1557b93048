package pod

import (
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
)

// OfTask is the index of the step for results of the task.
const OfTask = -1

// Result is a result that leaves the pod: one of the task, which its steps write, or one of a step. A document of artifacts is
// one too.
type Result struct {
	// Declared has the name under which the result is transported: for a task's result its own, for a step's result
	// <container>.<result>, for a document of artifacts task.artifacts or <container>.artifacts, or another name if that is
	// invalid or used.
	results.Declared
	// Step is the index of the step, or OfTask.
	Step int
	// Result is the name of the result in the declaration of the task or the step; empty for a document of artifacts.
	Result string
}

// IsDocument reports whether it is a document of artifacts.
func (r Result) IsDocument() bool { return r.Type == results.TypeArtifacts }

// ResultsOf returns all results that leave the pod: first the task's, except those whose values come from a step, then those
// of each step, then the documents of artifacts. The spec is that of the task before variables are substituted, after StepActions
// are resolved: its texts say which documents there are.
func ResultsOf(spec *v1.TaskSpec) []Result { return resultsOf(spec, DocumentsOf(spec)) }

// resultsOf returns the results of a task with these documents of artifacts. It uses only the names and types of steps and
// results, so the outcome is the same before and after variables are substituted.
func resultsOf(spec *v1.TaskSpec, documents Documents) []Result {
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
	return append(all, documents.results(spec, taken)...)
}

// declared infers a missing type as the API does.
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

// free returns a valid, unused name under which to transport a result. A container's name has no dot, so two results of steps
// never have the same name. But a result of the task may have that name, and the name may be too long.
func free(container, result string, taken map[string]bool) string {
	name := container + "." + result
	for n := 0; taken[name] || results.ValidName(name) != nil; n++ {
		name = container + "." + strconv.Itoa(n)
	}
	return name
}

// sourcePath returns the path of the result in the container that transports it.
func (r Result) sourcePath() string {
	switch {
	case r.Step == OfTask:
		return r.Path(nil)
	case r.IsDocument():
		return stepRunDir(r.Step) + "/" + podpaths.StepArtifacts + "/" + podpaths.ArtifactsFile
	}
	return stepRunDir(r.Step) + "/" + podpaths.StepResults + "/" + r.Result
}

// Path returns the file that steps write, as they know it. The spec is used for results of steps only.
func (r Result) Path(spec *v1.TaskSpec) string {
	switch {
	case r.Step == OfTask && r.IsDocument():
		return podpaths.TaskArtifactsPath
	case r.Step == OfTask:
		return podpaths.ResultPath(r.Result)
	case r.IsDocument():
		return podpaths.StepArtifactsPath(spec.Steps[r.Step], r.Step)
	}
	return podpaths.StepResultPath(spec.Steps[r.Step], r.Step, r.Result)
}
