// Package launch creates the objects of files on a cluster: definitions first, and then their runs.
package launch

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/manifestfile"
)

// Plan is what a command does with the objects of files.
type Plan struct {
	// Apply has the objects to apply before the runs start, in the order of the files.
	Apply []*unstructured.Unstructured
	// Create has the runs.
	Create []*unstructured.Unstructured
}

// PlanOf sorts the objects. If the files have no run, it adds one for their only Pipeline, or without Pipelines for their
// only Task.
func PlanOf(objects []manifestfile.Object) (Plan, error) {
	var p Plan
	for _, o := range objects {
		if isRun(o.Unstructured) {
			p.Create = append(p.Create, o.Unstructured)
		} else {
			p.Apply = append(p.Apply, o.Unstructured)
		}
	}
	if len(p.Create) > 0 {
		return p, nil
	}
	made, err := runFor(p.Apply)
	if err != nil {
		return Plan{}, err
	}
	p.Create = append(p.Create, made)
	return p, nil
}

func isOurs(o *unstructured.Unstructured) bool { return o.GroupVersionKind().Group == v1.GroupName }

func isRun(o *unstructured.Unstructured) bool {
	return isOurs(o) && slices.Contains([]string{v1.KindTaskRun, v1.KindPipelineRun}, o.GetKind())
}

// runFor builds a run of the only Pipeline or Task in the files.
func runFor(objects []*unstructured.Unstructured) (*unstructured.Unstructured, error) {
	pipelines, tasks := named(objects, v1.KindPipeline), named(objects, v1.KindTask)
	switch {
	case len(pipelines) == 1:
		return newRun(v1.KindPipelineRun, "pipelineRef", pipelines[0]), nil
	case len(pipelines) > 1:
		return nil, clierror.New(fmt.Sprintf("cannot choose a Pipeline: the files have no run, and %d Pipelines", len(pipelines)),
			"add a PipelineRun that names one of "+strings.Join(pipelines, ", "))
	case len(tasks) == 1:
		return newRun(v1.KindTaskRun, "taskRef", tasks[0]), nil
	case len(tasks) > 1:
		return nil, clierror.New(fmt.Sprintf("cannot choose a Task: the files have no run, no Pipeline, and %d Tasks", len(tasks)),
			"add a TaskRun that names one of "+strings.Join(tasks, ", "))
	default:
		return nil, clierror.New("the files have nothing to run", "add a TaskRun or PipelineRun, or one Pipeline or Task")
	}
}

func named(objects []*unstructured.Unstructured, kind string) []string {
	var names []string
	for _, o := range objects {
		if isOurs(o) && o.GetKind() == kind {
			names = append(names, o.GetName())
		}
	}
	return names
}

func newRun(kind, reference, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1.GroupVersion.String(),
		"kind":       kind,
		"metadata":   map[string]any{"generateName": name + "-"},
		"spec":       map[string]any{reference: map[string]any{"name": name}},
	}}
}
