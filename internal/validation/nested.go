package validation

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// MaxNesting is the maximum number of pipelines that a pipeline can be within. More levels are an error before the pipeline runs
// if they are embedded, and when the PipelineRun of the first excess level starts otherwise.
const MaxNesting = 8

// nestedSpecs are the pipelines that are embedded in the tasks of a pipeline, by the names of the tasks.
type nestedSpecs map[string]nestedSpec

// nestedSpec is an embedded pipeline with its defaults, or why it cannot be decoded.
type nestedSpec struct {
	spec *v1.PipelineSpec
	err  error
}

// withNested returns the scope with the pipelines that are embedded in the tasks, so that their results are known. Pipelines below
// MaxNesting stay as they are.
func (p pipelineScope) withNested(s *v1.PipelineSpec) pipelineScope {
	if p.depth >= MaxNesting {
		return p
	}
	p.nested, p.known = nestedSpecs{}, map[string]*v1.TaskSpec{}
	for _, list := range taskLists(s) {
		for i := range p.each(len(list.tasks)) {
			t := &list.tasks[i]
			if t.PipelineSpec == nil {
				continue
			}
			spec, err := t.NestedSpec()
			if err == nil {
				DefaultPipelineSpec(spec)
				p.known[t.Name] = PipelineAsTask(spec)
			}
			p.nested[t.Name] = nestedSpec{spec, err}
		}
	}
	return p
}

// checkForms returns the error of a task that is not of exactly one form.
func checkForms(path *field.Path, t *v1.PipelineTask) field.ErrorList {
	if !t.Nested() {
		return checkOneOf(path, "taskRef", "taskSpec", t.TaskRef != nil, t.TaskSpec != nil)
	}
	var given []string
	for _, form := range []struct {
		field string
		set   bool
	}{
		{"taskRef", t.TaskRef != nil},
		{"taskSpec", t.TaskSpec != nil},
		{"pipelineRef", t.PipelineRef != nil},
		{"pipelineSpec", t.PipelineSpec != nil},
	} {
		if form.set {
			given = append(given, form.field)
		}
	}
	if len(given) == 1 {
		return nil
	}
	return field.ErrorList{field.Forbidden(path.Child(given[0]),
		"give one of taskRef, taskSpec, pipelineRef and pipelineSpec; given are "+strings.Join(given, " and "))}
}

// validateNested checks a task that is a pipeline. Its pipeline sees nothing of the outer one.
func (p pipelineScope) validateNested(path *field.Path, t *v1.PipelineTask) {
	if t.Retries > 0 {
		p.Add(field.Invalid(path.Child("retries"), t.Retries,
			"a pipeline cannot be tried again; give retries to the tasks of the pipeline"))
	}
	if t.PipelineRef != nil {
		ref := *t.PipelineRef
		if variables.HasReference(ref.Name) {
			ref.Name = knownLater
		}
		validatePipelineRef(p.Report, &ref, path.Child("pipelineRef"))
	}
	if t.PipelineSpec == nil {
		return
	}
	at := path.Child("pipelineSpec")
	if p.nested == nil {
		p.Add(field.Forbidden(at, fmt.Sprintf("pipelines are nested in more than %d levels; use fewer levels", MaxNesting)))
		return
	}
	nested := p.nested[t.Name]
	if nested.err != nil {
		p.Add(field.Invalid(at, "", nested.err.Error()))
		return
	}
	outer := newScope(p.Report)
	outer.depth = p.depth + 1
	validatePipelineSpec(nested.spec, at, outer)
	p.checkParams(path, t)
	p.checkWorkspaces(path.Child("workspaces"), t)
}

// PipelineAsTask returns the params, workspaces and results of a pipeline as those of a Task, to which the params, workspaces and
// references of a pipeline's task must fit. A result without a type has none there.
func PipelineAsTask(s *v1.PipelineSpec) *v1.TaskSpec {
	out := &v1.TaskSpec{Params: s.Params}
	for i := range s.Workspaces {
		out.Workspaces = append(out.Workspaces, v1.WorkspaceDeclaration{Name: s.Workspaces[i].Name, Optional: s.Workspaces[i].Optional})
	}
	for i := range s.Results {
		out.Results = append(out.Results, v1.TaskResult{Name: s.Results[i].Name, Type: s.Results[i].Type})
	}
	return out
}

// NestedOverride returns errors about the fields of a run for one task that have no effect on a pipeline. Task may be nil.
func NestedOverride(path *field.Path, task *v1.PipelineTask, o *v1.PipelineTaskRunSpec) field.ErrorList {
	if task == nil || !task.Nested() {
		return nil
	}
	var errs field.ErrorList
	for _, given := range []struct {
		field string
		set   bool
	}{
		{"stepSpecs", len(o.StepSpecs) > 0},
		{"sidecarSpecs", len(o.SidecarSpecs) > 0},
		{"computeResources", o.ComputeResources != nil},
	} {
		if given.set {
			errs = append(errs, field.Forbidden(path.Child(given.field), fmt.Sprintf(
				"task %q is a pipeline, and has no containers; set it in the Tasks of that pipeline", shown(task.Name))))
		}
	}
	return errs
}
