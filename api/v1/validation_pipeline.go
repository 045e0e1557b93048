package v1

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Origins of errors about a pipeline for which the condition of a run has reasons of their own.
const (
	// OriginParamMissing: a param without a default has no value.
	OriginParamMissing = "paramMissing"
	// OriginGraph: a task waits for one that is not there.
	OriginGraph = "graph"
	// OriginResultReference: a reference to a result of another task cannot be resolved.
	OriginResultReference = "resultReference"
)

// Validate checks a pipeline that is to be run. Some errors have an Origin. Fields that the controller does not act on yet
// are errors, too. Cycles are not looked for here: the graph package finds them.
func (s *PipelineSpec) Validate(path *field.Path) field.ErrorList {
	return append(s.validate(path, newScope()), s.Unsupported(path)...)
}

func (s *PipelineSpec) validate(path *field.Path, outer scope) field.ErrorList {
	in := pipelineScope{scope: outer.inner(), tasks: map[string]*PipelineTask{}}
	in.addParams(s.Params)
	errs := validateParamSpecs(s.Params, path.Child("params"))
	errs = append(errs, s.validateWorkspaces(path.Child("workspaces"), in.scope)...)
	if len(s.Tasks) == 0 {
		errs = append(errs, field.Required(path.Child("tasks"), "a pipeline needs at least one task"))
	}
	unique := newUniqueNames()
	for i := range s.Tasks {
		task, name := &s.Tasks[i], path.Child("tasks").Index(i).Child("name")
		errs = append(errs, checkLabel(name, task.Name, validation.DNS1123LabelMaxLength)...)
		errs = append(errs, unique.add(name, task.Name)...)
		in.tasks[task.Name] = task
	}
	for i := range s.Tasks {
		errs = append(errs, in.validateTask(path.Child("tasks").Index(i), &s.Tasks[i])...)
	}
	return append(errs, in.validateResults(path.Child("results"), s.Results)...)
}

func (s *PipelineSpec) validateWorkspaces(path *field.Path, in scope) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.Workspaces {
		name := path.Index(i).Child("name")
		errs = append(errs, checkName(name, s.Workspaces[i].Name, workspaceName, workspaceNameRule)...)
		errs = append(errs, unique.add(name, s.Workspaces[i].Name)...)
		in.workspaces.Insert(s.Workspaces[i].Name)
	}
	return errs
}

// pipelineScope is what the tasks and results of a pipeline can refer to.
type pipelineScope struct {
	scope
	tasks map[string]*PipelineTask
}

func (p pipelineScope) validateTask(path *field.Path, t *PipelineTask) field.ErrorList {
	errs := checkOneOf(path, "taskRef", "taskSpec", t.TaskRef != nil, t.TaskSpec != nil)
	if t.TaskRef != nil {
		errs = append(errs, t.TaskRef.validate(path.Child("taskRef"))...)
	}
	errs = append(errs, validateGiven(t.Params, path.Child("params"))...)
	for i := range t.Params {
		errs = append(errs, p.validateValue(path.Child("params").Index(i).Child("value"), t.Params[i].Value)...)
	}
	if t.TaskSpec != nil {
		outer := p.inner()
		outer.workspaces = sets.New[string]()
		outer.addGiven(t.Params)
		errs = append(errs, t.TaskSpec.TaskSpec.validate(path.Child("taskSpec"), outer)...)
		errs = append(errs, p.validateEmbeddedParams(path.Child("params"), t)...)
	}
	for i, name := range t.RunAfter {
		if _, ok := p.tasks[name]; !ok {
			problem := unknown("task", name, sets.KeySet(p.tasks))
			errs = append(errs, field.Invalid(path.Child("runAfter").Index(i), shown(name), problem).WithOrigin(OriginGraph))
		}
	}
	return append(errs, p.validateTaskWorkspaces(path.Child("workspaces"), t)...)
}

// validateEmbeddedParams refuses a task that is written out in the pipeline and has a param without any value: neither
// the pipeline's task, nor the pipeline under the same name, nor a default gives one.
func (p pipelineScope) validateEmbeddedParams(path *field.Path, t *PipelineTask) field.ErrorList {
	given := sets.New[string]()
	for i := range t.Params {
		given.Insert(t.Params[i].Name)
	}
	var errs field.ErrorList
	for i := range t.TaskSpec.Params {
		spec := &t.TaskSpec.Params[i]
		if _, outer := p.params[spec.Name]; outer || given.Has(spec.Name) || spec.Default != nil {
			continue
		}
		errs = append(errs, missingParam(path, spec).WithOrigin(OriginParamMissing))
	}
	return errs
}

func (p pipelineScope) validateTaskWorkspaces(path *field.Path, t *PipelineTask) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range t.Workspaces {
		binding, path := &t.Workspaces[i], path.Index(i)
		errs = append(errs, checkName(path.Child("name"), binding.Name, workspaceName, workspaceNameRule)...)
		errs = append(errs, unique.add(path.Child("name"), binding.Name)...)
		if problem := unknown("workspace of the pipeline", binding.PipelineWorkspace(), p.workspaces); problem != "" {
			errs = append(errs, field.Invalid(path.Child("workspace"), shown(binding.PipelineWorkspace()), problem))
		}
	}
	return errs
}

// PipelineWorkspace returns the name of the pipeline's workspace that is handed to the task.
func (w *WorkspacePipelineTaskBinding) PipelineWorkspace() string {
	if w.Workspace != "" {
		return w.Workspace
	}
	return w.Name
}

func (p pipelineScope) validateResults(path *field.Path, results []PipelineResult) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range results {
		result, path := &results[i], path.Index(i)
		errs = append(errs, checkName(path.Child("name"), result.Name, resultName, resultNameRule)...)
		errs = append(errs, unique.add(path.Child("name"), result.Name)...)
		errs = append(errs, checkType(path.Child("type"), result.Type)...)
		if result.Value.Type == "" {
			errs = append(errs, field.Required(path.Child("value"), "say which results it is made of, as in $(tasks.<task>.results.<result>)"))
		}
		errs = append(errs, p.validateValue(path.Child("value"), result.Value)...)
	}
	return errs
}

// validateValue checks the references in a value of the pipeline. A string that is nothing but one reference takes the
// type of what it refers to; an element of an array can be a whole array, whose elements then take its place.
func (p pipelineScope) validateValue(path *field.Path, value Value) field.ErrorList {
	var errs field.ErrorList
	for where, text := range value.Texts() {
		alone := isolated(text)
		place := use{
			ownElement: alone && value.Type != TypeObject,
			ownObject:  alone && value.Type != TypeObject && value.Type != TypeArray,
		}
		for r := range References(text) {
			problem := p.problem(r, place)
			if problem == "" {
				continue
			}
			err := invalidText(path, where, r.Text, problem)
			if r.Root == RootTasks {
				err = err.WithOrigin(OriginResultReference)
			}
			errs = append(errs, err)
		}
	}
	return errs
}

// invalidText is an error about a text within a value. The path of a field cannot be extended by a text such as "[1]",
// therefore the error's own is.
func invalidText(path *field.Path, where, text, problem string) *field.Error {
	err := field.Invalid(path, shown(text), problem)
	err.Field += where
	return err
}

// problem says what is wrong with a reference in a pipeline, or returns "".
func (p pipelineScope) problem(r Reference, place use) string {
	if r.Malformed {
		return malformedReference
	}
	switch r.Root {
	case RootParams:
		return p.pipelineParamProblem(r, place)
	case RootWorkspaces:
		return p.workspaceProblem(r, "bound")
	case RootContext:
		return contextProblem(r, PipelineContext())
	case RootTasks:
		return p.resultProblem(r, place)
	default:
		return "a pipeline refers to results as $(tasks.<task>.results.<result>)"
	}
}

func (p pipelineScope) pipelineParamProblem(r Reference, place use) string {
	spec := p.params[r.Names[0]]
	if spec != nil && spec.valueType() == TypeObject && place.ownObject && len(r.Names) == 1 && r.Index < 0 {
		return ""
	}
	return p.paramProblem(r, place.ownElement)
}

func (p pipelineScope) resultProblem(r Reference, place use) string {
	ref, ok := r.ResultRef()
	if !ok {
		return "in a task of a pipeline, a result is referred to as $(tasks.<task>.results.<result>), with [*], [<index>] or .<key> behind it"
	}
	task, ok := p.tasks[ref.Task]
	if !ok {
		return unknown("task", ref.Task, sets.KeySet(p.tasks))
	}
	if task.TaskSpec == nil {
		return "" // the task is not known here
	}
	names := sets.New[string]()
	for i := range task.TaskSpec.Results {
		result := &task.TaskSpec.Results[i]
		names.Insert(result.Name)
		if result.Name != ref.Result {
			continue
		}
		place.noun, place.name = "result", ref.Result
		place.ref = strings.Join([]string{RootTasks, ref.Task, RootResults, ref.Result}, ".")
		place.keyed, place.key, place.whole, place.indexed = ref.Key != "", ref.Key, ref.Whole, ref.Index >= 0
		place.strict = true
		return useProblem(place, result.valueType(), result.Properties)
	}
	return unknown("result of task "+ref.Task, ref.Result, names)
}

// valueType returns the type, inferred where none is declared.
func (r *TaskResult) valueType() ValueType {
	if r.Type != "" {
		return r.Type
	}
	return inferType(nil, r.Properties)
}
