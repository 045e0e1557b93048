package check

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
)

// checkTaskRun checks a TaskRun against the Task that it refers to.
func (s *Set) checkTaskRun(o *Object, run *v1.TaskRun, errs field.ErrorList) []Finding {
	if run.Spec.TaskRef == nil || run.Spec.TaskRef.Resolver != "" {
		return nil
	}
	task := s.Task(run.Namespace, run.Spec.TaskRef.Name)
	if task == nil {
		return nil
	}
	spec := task.Spec.DeepCopy()
	validation.DefaultTaskSpec(spec)
	path := field.NewPath("spec")
	all := validation.Params(spec.Params, run.Spec.Params, path.Child("params"))
	all = append(all, validation.Workspaces(spec.Workspaces, run.Spec.Workspaces, path.Child("workspaces"))...)
	with := run.DeepCopy()
	with.Spec.TaskRef, with.Spec.TaskSpec = nil, spec
	all = append(all, added(validation.TaskRun(with), errs, "spec.taskSpec")...)
	return append(o.all(all), o.undeclared(run.Spec.Params, spec.Params, "spec.params", "Task "+task.Name)...)
}

// checkPipelineRun checks a PipelineRun against the Pipeline that it refers to, or has written out.
func (s *Set) checkPipelineRun(o *Object, run *v1.PipelineRun, errs field.ErrorList) []Finding {
	if run.Spec.PipelineSpec != nil {
		validate := func(spec *v1.PipelineSpec) field.ErrorList {
			with := run.DeepCopy()
			with.Spec.PipelineSpec = spec
			return validation.PipelineRun(with)
		}
		return append(s.checkPipeline(pipelineIn{o, run.Spec.PipelineSpec, "spec.pipelineSpec", errs, validate}),
			o.all(validation.Params(run.Spec.PipelineSpec.Params, run.Spec.Params, field.NewPath("spec", "params")))...)
	}
	if run.Spec.PipelineRef == nil || run.Spec.PipelineRef.Resolver != "" {
		return nil
	}
	pipeline := s.Pipeline(run.Namespace, run.Spec.PipelineRef.Name)
	if pipeline == nil {
		return nil
	}
	spec := pipeline.Spec.DeepCopy()
	validation.DefaultPipelineSpec(spec)
	all := validation.Params(spec.Params, run.Spec.Params, field.NewPath("spec", "params"))
	all = append(all, unbound(spec.Workspaces, run.Spec.Workspaces)...)
	with := run.DeepCopy()
	with.Spec.PipelineRef, with.Spec.PipelineSpec = nil, spec
	all = append(all, added(validation.PipelineRun(with), errs, "spec.pipelineSpec")...)
	return append(o.all(all), o.undeclared(run.Spec.Params, spec.Params, "spec.params", "Pipeline "+pipeline.Name)...)
}

// unbound names the workspaces that the pipeline needs and the run does not bind. A run may bind others.
func unbound(declared []v1.PipelineWorkspaceDeclaration, bound []v1.WorkspaceBinding) field.ErrorList {
	var errs field.ErrorList
	for i := range declared {
		has := slices.ContainsFunc(bound, func(b v1.WorkspaceBinding) bool { return b.Name == declared[i].Name })
		if !declared[i].Optional && !has {
			errs = append(errs, field.Required(field.NewPath("spec", "workspaces"),
				fmt.Sprintf("missing workspace %q: declared by the pipeline and not optional", declared[i].Name)))
		}
	}
	return errs
}

// pipelineIn is a pipeline in an object: where it stands there, the errors that it has by itself, and how it is validated.
type pipelineIn struct {
	object   *Object
	spec     *v1.PipelineSpec
	path     string
	errs     field.ErrorList
	validate func(*v1.PipelineSpec) field.ErrorList
}

// checkPipeline checks a pipeline against the Tasks that it refers to. It is validated once more as if these were written
// out in it, which knows their results and the types of their params.
func (s *Set) checkPipeline(p pipelineIn) []Finding {
	findings := checkGraph(p.object, p.spec, p.path)
	with := p.spec.DeepCopy()
	var inside []string
	for _, list := range []struct {
		field string
		tasks []v1.PipelineTask
	}{{"tasks", with.Tasks}, {"finally", with.Finally}} {
		for i := range list.tasks {
			at := fmt.Sprintf("%s.%s[%d]", p.path, list.field, i)
			task := &list.tasks[i]
			if task.TaskRef == nil || task.TaskRef.Resolver != "" {
				continue
			}
			known := s.Task(p.object.Value.GetNamespace(), task.TaskRef.Name)
			if known == nil {
				continue
			}
			task.TaskRef, task.TaskSpec = nil, &v1.EmbeddedTask{TaskSpec: *known.Spec.DeepCopy()}
			validation.DefaultTaskSpec(&task.TaskSpec.TaskSpec)
			inside = append(inside, at+".taskSpec")
			findings = append(findings, p.object.checkHandedOver(task, known.Name, at)...)
		}
	}
	if len(inside) == 0 {
		return findings
	}
	found := added(p.validate(with), p.errs, inside...)
	// What a task written out may take from the pipeline under the same name, one that is referred to may not: both are
	// looked at above.
	found = slices.DeleteFunc(found, func(err *field.Error) bool {
		return err.Origin == validation.OriginParamMissing || strings.HasPrefix(err.Detail, "missing workspace")
	})
	return append(findings, p.object.all(found)...)
}

// checkHandedOver checks what a pipeline's task hands to the Task that it refers to, of which the spec has been put in.
func (o *Object) checkHandedOver(task *v1.PipelineTask, name, at string) []Finding {
	var findings []Finding
	given := map[string]bool{}
	for _, p := range fromMatrix(task) {
		given[p.Name] = true
	}
	for i, p := range task.Params {
		given[p.Name] = true
		if declared := declaredParam(task.TaskSpec.Params, p.Name); declared != nil && isLiteral(p.Value) && declared.Type == p.Value.Type {
			path := fieldPath(at).Child("params")
			for _, err := range validation.Params([]v1.ParamSpec{*declared}, []v1.Param{p}, path) {
				err.Field = strings.Replace(err.Field, "params[0]", fmt.Sprintf("params[%d]", i), 1)
				findings = append(findings, o.of(err))
			}
		}
	}
	for i := range task.TaskSpec.Params {
		p := &task.TaskSpec.Params[i]
		if p.Default == nil && !given[p.Name] {
			findings = append(findings, o.Finding(Error, at+".params",
				fmt.Sprintf("missing param %q of type %s: Task %q declares it without a default", p.Name, p.Type, name), ""))
		}
	}
	for i := range task.TaskSpec.Workspaces {
		w := &task.TaskSpec.Workspaces[i]
		bound := slices.ContainsFunc(task.Workspaces, func(b v1.WorkspacePipelineTaskBinding) bool { return b.Name == w.Name })
		if !w.Optional && !bound {
			findings = append(findings, o.Finding(Error, at+".workspaces",
				fmt.Sprintf("missing workspace %q: Task %q declares it and it is not optional", w.Name, name), ""))
		}
	}
	return append(findings, o.undeclared(task.Params, task.TaskSpec.Params, at+".params", "Task "+name)...)
}

// undeclared warns of params that nobody declares: the API takes them, but most are mistakes.
func (o *Object) undeclared(given []v1.Param, declared []v1.ParamSpec, path, by string) []Finding {
	names := make([]string, len(declared))
	for i := range declared {
		names[i] = declared[i].Name
	}
	var findings []Finding
	for i := range given {
		if !slices.Contains(names, given[i].Name) {
			findings = append(findings, o.Finding(Warning, fmt.Sprintf("%s[%d].name", path, i),
				fmt.Sprintf("%s declares no param %q; the value would not be used", by, given[i].Name), meant(given[i].Name, names)))
		}
	}
	return findings
}

// added are the errors that were not there before, but for those about the fields that were put in.
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

func fromMatrix(task *v1.PipelineTask) []v1.Param {
	if task.Matrix == nil {
		return nil
	}
	all := slices.Clone(task.Matrix.Params)
	for i := range task.Matrix.Include {
		all = append(all, task.Matrix.Include[i].Params...)
	}
	return all
}

func declaredParam(specs []v1.ParamSpec, name string) *v1.ParamSpec {
	i := slices.IndexFunc(specs, func(p v1.ParamSpec) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &specs[i]
}

func isLiteral(value v1.Value) bool {
	for _, text := range value.Texts() {
		if variables.HasReference(text) {
			return false
		}
	}
	return true
}

// fieldPath is a path of which the text is known.
func fieldPath(text string) *field.Path { return field.NewPath(text) }
