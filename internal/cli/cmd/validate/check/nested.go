package check

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// checkNested checks a task that is a pipeline: an embedded one against what it refers to, and a reference, of which it returns the
// params, workspaces and results; nil if the Pipeline is not known.
func (s *Set) checkNested(p pipelineIn, task *v1.PipelineTask, at *field.Path) (*v1.TaskSpec, []Finding) {
	if task.PipelineSpec != nil {
		spec, err := task.NestedSpec()
		if err != nil {
			return nil, nil // the check of the object alone has reported it
		}
		validation.DefaultPipelineSpec(spec)
		return nil, s.checkPipeline(pipelineIn{p.object, spec, at.Child("pipelineSpec"), nil})
	}
	known, findings := s.pipelineOf(p.object, task.PipelineRef, at.Child("pipelineRef").String())
	if known == nil {
		return nil, findings
	}
	spec := known.Spec.DeepCopy()
	validation.DefaultPipelineSpec(spec)
	undeclared := p.object.undeclared(task.Params, spec.Params, at.Child("params").String(), "Pipeline "+known.Name)
	return validation.PipelineAsTask(spec), append(findings, undeclared...)
}

// checkWithinItself returns a finding if a Pipeline contains itself through references to Pipelines of the files.
func (s *Set) checkWithinItself(o *Object, pipeline *v1.Pipeline) []Finding {
	w := &within{set: s, object: o, wanted: pipeline.Name, seen: map[string]bool{}}
	way := w.find(&pipeline.Spec, 0)
	if way == nil {
		return nil
	}
	return []Finding{o.Finding(Error, "spec", fmt.Sprintf("the Pipeline is within itself: %s",
		strings.Join(append([]string{pipeline.Name}, way...), " > ")), "remove one of these references")}
}

// within searches for a Pipeline in others. It visits each Pipeline once.
type within struct {
	set    *Set
	object *Object
	wanted string
	seen   map[string]bool
}

// find returns the names of the Pipelines on the way to the wanted one; nil if there is none.
func (w *within) find(spec *v1.PipelineSpec, depth int) []string {
	for _, tasks := range [][]v1.PipelineTask{spec.Tasks, spec.Finally} {
		for i := range tasks {
			if way := w.findIn(&tasks[i], depth); way != nil {
				return way
			}
		}
	}
	return nil
}

func (w *within) findIn(task *v1.PipelineTask, depth int) []string {
	if task.PipelineSpec != nil && depth < validation.MaxNesting {
		if spec, err := task.NestedSpec(); err == nil {
			return w.find(spec, depth+1)
		}
	}
	if task.PipelineRef == nil || task.PipelineRef.Resolver != "" {
		return nil
	}
	name := task.PipelineRef.Name
	if name == w.wanted {
		return []string{name}
	}
	next := w.set.Pipeline(w.object, name)
	if next == nil || w.seen[name] {
		return nil
	}
	w.seen[name] = true
	if way := w.find(&next.Spec, 0); way != nil {
		return slices.Insert(way, 0, name)
	}
	return nil
}
