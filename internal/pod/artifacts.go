package pod

import (
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Documents are the documents of artifacts that leave a pod.
type Documents struct {
	// Task is true for the document that all steps share.
	Task bool
	// Steps are the indices of the steps with their own documents, in order.
	Steps []int
}

// DocumentsOf returns the documents of artifacts that the texts of a task mention, by their variables or by their paths. The spec
// is that of the task before variables are substituted: no value of a param adds a document.
func DocumentsOf(spec *v1.TaskSpec) Documents {
	var d Documents
	used := map[string]bool{} // steps of which other steps use the artifacts
	all := false
	rest := *spec
	rest.Steps = nil
	for text := range variables.TaskStrings(&rest) {
		found := mentioned(text, used)
		d.Task, all = d.Task || found.task, all || found.step
	}
	own := make([]bool, len(spec.Steps))
	for i := range spec.Steps {
		path := podpaths.StepArtifactsPath(spec.Steps[i], i)
		for text := range variables.TaskStrings(&v1.TaskSpec{Steps: spec.Steps[i : i+1]}) {
			found := mentioned(text, used)
			d.Task = d.Task || found.task
			own[i] = own[i] || found.step || strings.Contains(text, path)
		}
	}
	for i := range spec.Steps {
		if all || own[i] || used[podpaths.StepName(spec.Steps[i], i)] {
			d.Steps = append(d.Steps, i)
		}
	}
	return d
}

// mention is what a text mentions: the document of the task, and that of the step that has the text.
type mention struct{ task, step bool }

// mentioned returns what a text mentions. It adds the steps of which the text uses artifacts.
func mentioned(text string, used map[string]bool) mention {
	found := mention{task: strings.Contains(text, podpaths.TaskArtifactsPath)}
	for r := range variables.References(text) {
		switch r.ArtifactsPath() {
		case variables.RootArtifacts:
			found.task = true
		case variables.RootStep:
			found.step = true
		}
		if ref, ok := r.StepResultRef(); ok && ref.Artifacts != "" {
			used[ref.Step] = true
		}
	}
	return found
}

// results returns the documents as results, with names that are not taken.
func (d Documents) results(spec *v1.TaskSpec, taken map[string]bool) []Result {
	var all []Result
	add := func(owner string, step int) {
		name := free(owner, podpaths.StepArtifacts, taken)
		taken[name] = true
		all = append(all, Result{results.Declared{Name: name, Type: results.TypeArtifacts}, step, ""})
	}
	if d.Task {
		add("task", OfTask)
	}
	for _, i := range d.Steps {
		add(podpaths.StepContainer(spec.Steps[i], i), i)
	}
	return all
}

// has reports whether the step at index i has its own document.
func (d Documents) has(i int) bool { return slices.Contains(d.Steps, i) }
