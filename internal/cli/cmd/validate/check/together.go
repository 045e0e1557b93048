package check

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// checkTaskRun checks a TaskRun against the Task that it refers to.
func (s *Set) checkTaskRun(o *Object, run *v1.TaskRun, errs field.ErrorList) []Finding {
	if run.Spec.TaskRef == nil {
		return nil
	}
	task, unusable := s.taskOf(o, run.Spec.TaskRef, "spec.taskRef")
	if task == nil {
		return unusable
	}
	spec := task.Spec.DeepCopy()
	validation.DefaultTaskSpec(spec)
	path := field.NewPath("spec")
	all := validation.Params(spec.Params, run.Spec.Params, path.Child("params"))
	all = append(all, validation.Workspaces(spec.Workspaces, run.Spec.Workspaces, path.Child("workspaces"))...)
	with := run.DeepCopy()
	with.Spec.TaskRef, with.Spec.TaskSpec = nil, spec
	found := validation.Check(func(r *validation.Report) { validation.ReportTaskRun(r, with) })
	all = append(all, added(found.Errors, errs, "spec.taskSpec")...)
	findings := append(o.all(all), o.warnings(ofContainers(found.Warnings))...)
	return append(findings, o.undeclared(run.Spec.Params, spec.Params, "spec.params", "Task "+task.Name)...)
}

// ofContainers returns the warnings about settings for containers. They need the task.
func ofContainers(warnings []validation.Warning) []validation.Warning {
	return slices.DeleteFunc(slices.Clone(warnings), func(w validation.Warning) bool {
		return !slices.ContainsFunc([]string{"spec.stepSpecs", "spec.sidecarSpecs", "spec.debug", "spec.taskRunSpecs"}, func(field string) bool {
			return strings.HasPrefix(w.Field, field)
		})
	})
}

// checkPipelineRun checks a PipelineRun against its own pipeline spec, or the Pipeline that it refers to.
func (s *Set) checkPipelineRun(o *Object, run *v1.PipelineRun, errs field.ErrorList) []Finding {
	if run.Spec.PipelineSpec != nil {
		return append(s.checkPipeline(pipelineIn{o, run.Spec.PipelineSpec, field.NewPath("spec", "pipelineSpec"), run}),
			o.all(validation.Params(run.Spec.PipelineSpec.Params, run.Spec.Params, field.NewPath("spec", "params")))...)
	}
	if run.Spec.PipelineRef == nil {
		return nil
	}
	pipeline, unusable := s.pipelineOf(o, run.Spec.PipelineRef, "spec.pipelineRef")
	if pipeline == nil {
		return unusable
	}
	spec := pipeline.Spec.DeepCopy()
	validation.DefaultPipelineSpec(spec)
	all := validation.Params(spec.Params, run.Spec.Params, field.NewPath("spec", "params"))
	all = append(all, validation.PipelineWorkspaces(spec.Workspaces, run.Spec.Workspaces, field.NewPath("spec", "workspaces"))...)
	with := run.DeepCopy()
	with.Spec.PipelineRef, with.Spec.PipelineSpec = nil, spec
	found := validation.Check(func(r *validation.Report) { validation.ReportPipelineRun(r, with) })
	all = append(all, added(found.Errors, errs, "spec.pipelineSpec")...)
	findings := append(o.all(all), o.warnings(ofContainers(found.Warnings))...)
	return append(findings, o.undeclared(run.Spec.Params, spec.Params, "spec.params", "Pipeline "+pipeline.Name)...)
}

// pipelineIn is a pipeline in an object, and its path there. Run is nil if the object is not a run.
type pipelineIn struct {
	object *Object
	spec   *v1.PipelineSpec
	path   *field.Path
	run    *v1.PipelineRun
}

// checkPipeline checks a pipeline against the Tasks and Pipelines that it refers to.
func (s *Set) checkPipeline(p pipelineIn) []Finding {
	findings := checkGraph(p.object, p.spec, p.path)
	together := validation.Together{Spec: p.spec, Path: p.path, Run: p.run, Tasks: map[string]*v1.TaskSpec{}}
	specs := map[*v1.Task]*v1.TaskSpec{}
	for _, list := range []struct {
		field string
		tasks []v1.PipelineTask
	}{{"tasks", p.spec.Tasks}, {"finally", p.spec.Finally}} {
		for i := range list.tasks {
			task, at := &list.tasks[i], p.path.Child(list.field).Index(i)
			if task.Nested() && task.TaskRef == nil && task.TaskSpec == nil {
				spec, found := s.checkNested(p, task, at)
				together.Tasks[task.Name] = spec
				findings = append(findings, found...)
				continue
			}
			if task.TaskRef == nil || task.Custom() {
				continue
			}
			known, unusable := s.taskOf(p.object, task.TaskRef, at.Child("taskRef").String())
			findings = append(findings, unusable...)
			if known == nil {
				continue
			}
			if specs[known] == nil {
				specs[known] = known.Spec.DeepCopy()
				validation.DefaultTaskSpec(specs[known])
			}
			together.Tasks[task.Name] = specs[known]
			findings = append(findings,
				p.object.undeclared(task.Params, specs[known].Params, at.Child("params").String(), "Task "+known.Name)...)
		}
	}
	found := validation.Check(func(r *validation.Report) { validation.ReportTogether(r, together) })
	return slices.Concat(findings, p.object.all(found.Errors), p.object.warnings(found.Warnings))
}

// undeclared warns about params that are not declared. The API accepts them, but most are mistakes.
func (o *Object) undeclared(given []v1.Param, declared []v1.ParamSpec, path, by string) []Finding {
	names := make([]string, len(declared))
	for i := range declared {
		names[i] = declared[i].Name
	}
	var findings []Finding
	for i := range given {
		if !slices.Contains(names, given[i].Name) {
			findings = append(findings, o.Finding(Warning, fmt.Sprintf("%s[%d].name", path, i),
				fmt.Sprintf("%s declares no param %q; the value would be ignored", by, given[i].Name), meant(given[i].Name, names)))
		}
	}
	return findings
}

// added returns the errors that are not in before, except those about fields that the caller has inserted.
func added(errs, before field.ErrorList, inside ...string) field.ErrorList {
	known := map[string]bool{}
	for _, err := range before {
		known[err.Error()] = true
	}
	return slices.DeleteFunc(errs, func(err *field.Error) bool {
		return known[err.Error()] || slices.ContainsFunc(inside, func(path string) bool {
			return err.Field == path || strings.HasPrefix(err.Field, path+".")
		})
	})
}
