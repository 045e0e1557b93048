package v1

import (
	"fmt"
	"slices"

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

// Validate checks the pipeline by itself, as a user writes it. Some errors have an Origin. Cycles are not looked for
// here: the graph package finds them.
func (p *Pipeline) Validate() field.ErrorList {
	return p.Spec.validate(field.NewPath("spec"), newScope())
}

// Validate checks a pipeline that is to be run. Some errors have an Origin. Fields that the controller does not act on yet
// are errors, too. Cycles are not looked for here: the graph package finds them.
func (s *PipelineSpec) Validate(path *field.Path) field.ErrorList {
	return append(s.validate(path, newScope()), s.Unsupported(path)...)
}

func (s *PipelineSpec) validate(path *field.Path, outer scope) field.ErrorList {
	in := pipelineScope{
		scope: outer.inner(), tasks: s.byName(),
		dag: taskNames(s.Tasks), finally: taskNames(s.Finally), optional: sets.New[string](),
	}
	in.addParams(s.Params)
	errs := validateParamSpecs(s.Params, path.Child("params"))
	errs = append(errs, s.validateWorkspaces(path.Child("workspaces"), in)...)
	if len(s.Tasks) == 0 {
		errs = append(errs, field.Required(path.Child("tasks"), "a pipeline needs at least one task"))
	}
	unique := newUniqueNames()
	for _, list := range s.lists() {
		for i := range list.tasks {
			task, name := &list.tasks[i], path.Child(list.field).Index(i).Child("name")
			errs = append(errs, checkLabel(name, task.Name, validation.DNS1123LabelMaxLength)...)
			errs = append(errs, unique.add(name, task.Name)...)
		}
	}
	for _, list := range s.lists() {
		in.inFinally = list.field == finallyField
		for i := range list.tasks {
			errs = append(errs, in.validateTask(path.Child(list.field).Index(i), &list.tasks[i])...)
		}
	}
	return append(errs, in.validateResults(path.Child("results"), s.Results)...)
}

const finallyField = "finally"

// taskList is one of the two lists of tasks.
type taskList struct {
	field string
	tasks []PipelineTask
}

func (s *PipelineSpec) lists() []taskList {
	return []taskList{{"tasks", s.Tasks}, {finallyField, s.Finally}}
}

// byName returns the tasks of both lists.
func (s *PipelineSpec) byName() map[string]*PipelineTask {
	tasks := make(map[string]*PipelineTask, len(s.Tasks)+len(s.Finally))
	for _, list := range s.lists() {
		for i := range list.tasks {
			tasks[list.tasks[i].Name] = &list.tasks[i]
		}
	}
	return tasks
}

func taskNames(tasks []PipelineTask) sets.Set[string] {
	names := sets.New[string]()
	for i := range tasks {
		names.Insert(tasks[i].Name)
	}
	return names
}

func (s *PipelineSpec) validateWorkspaces(path *field.Path, in pipelineScope) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.Workspaces {
		name := path.Index(i).Child("name")
		errs = append(errs, checkName(name, s.Workspaces[i].Name, workspaceName, workspaceNameRule)...)
		errs = append(errs, unique.add(name, s.Workspaces[i].Name)...)
		in.workspaces.Insert(s.Workspaces[i].Name)
		if s.Workspaces[i].Optional {
			in.optional.Insert(s.Workspaces[i].Name)
		}
	}
	return errs
}

// pipelineScope is what the tasks and results of a pipeline can refer to.
type pipelineScope struct {
	scope
	// tasks of both lists by name, and the names of each list.
	tasks        map[string]*PipelineTask
	dag, finally sets.Set[string]
	// optional are the workspaces that a run need not bind.
	optional sets.Set[string]
	// inFinally is true for a task of finally, which can ask how the others ended.
	inFinally bool
	// inResults is true for the results of the pipeline, which are made when all tasks have ended.
	inResults bool
}

func (p pipelineScope) validateTask(path *field.Path, t *PipelineTask) field.ErrorList {
	var errs field.ErrorList
	if t.PipelineRef == nil && t.PipelineSpec == nil {
		errs = checkOneOf(path, "taskRef", "taskSpec", t.TaskRef != nil, t.TaskSpec != nil)
	}
	if t.TaskRef != nil {
		ref := *t.TaskRef
		if HasReference(ref.Name) {
			ref.Name = "known-when-it-runs"
		}
		errs = append(errs, ref.validate(path.Child("taskRef"))...)
	}
	errs = append(errs, validateGiven(t.Params, path.Child("params"))...)
	errs = append(errs, t.validateMatrix(path.Child("matrix"))...)
	references := &pipelineReferences{scope: p}
	t.VisitValues(path, references)
	errs = append(errs, references.errs...)
	if t.TaskSpec != nil {
		errs = append(errs, p.validateEmbedded(path, t)...)
	}
	errs = append(errs, validateWhen(path.Child("when"), t.When)...)
	errs = append(errs, p.validateRunAfter(path.Child("runAfter"), t)...)
	errs = append(errs, checkRetries(path.Child("retries"), t.Retries)...)
	errs = append(errs, checkTimeout(path.Child("timeout"), t.Timeout)...)
	errs = append(errs, checkOnError(path.Child("onError"), t.OnError)...)
	if t.OnError == OnErrorContinue && t.Retries > 0 {
		errs = append(errs, field.Invalid(path.Child("onError"), t.OnError, "cannot stand together with retries: a failure is either ignored or tried again"))
	}
	return append(errs, p.validateTaskWorkspaces(path.Child("workspaces"), t)...)
}

func (p pipelineScope) validateRunAfter(path *field.Path, t *PipelineTask) field.ErrorList {
	if p.inFinally && len(t.RunAfter) > 0 {
		return field.ErrorList{field.Forbidden(path, "tasks of finally all start when the others have ended").WithOrigin(OriginGraph)}
	}
	var errs field.ErrorList
	for i, name := range t.RunAfter {
		if problem := unknown("task", name, p.dag); problem != "" {
			errs = append(errs, field.Invalid(path.Index(i), shown(name), problem).WithOrigin(OriginGraph))
		}
	}
	return errs
}

// validateEmbedded checks a task that is written out in the pipeline: it sees the pipeline's params and workspaces.
func (p pipelineScope) validateEmbedded(path *field.Path, t *PipelineTask) field.ErrorList {
	outer := p.inner()
	outer.addGiven(t.Params)
	outer.addGiven(t.Matrix.asStrings())
	for i := range t.Workspaces {
		outer.workspaces.Insert(t.Workspaces[i].Name)
	}
	errs := t.TaskSpec.TaskSpec.validate(path.Child("taskSpec"), outer)
	return append(errs, p.validateEmbeddedParams(path, t)...)
}

// asStrings are the params that a task gets from the matrix: one element of each array.
func (m *Matrix) asStrings() []Param {
	if m == nil {
		return nil
	}
	var params []Param
	add := func(from []Param) {
		for i := range from {
			params = append(params, Param{Name: from[i].Name, Value: StringValue("")})
		}
	}
	add(m.Params)
	for i := range m.Include {
		add(m.Include[i].Params)
	}
	return params
}

// validateEmbeddedParams refuses a task that is written out in the pipeline and has a param without any value: neither
// the pipeline's task, nor the pipeline under the same name, nor a default gives one. It also refuses a value of another
// type than the declared one, where the pipeline shows it.
func (p pipelineScope) validateEmbeddedParams(path *field.Path, t *PipelineTask) field.ErrorList {
	given := map[string]int{}
	for i := range t.Params {
		given[t.Params[i].Name] = i
	}
	fromMatrix := sets.New[string]()
	for _, param := range t.Matrix.asStrings() {
		fromMatrix.Insert(param.Name)
	}
	var errs field.ErrorList
	for i := range t.TaskSpec.Params {
		spec := &t.TaskSpec.Params[i]
		at, isGiven := given[spec.Name]
		if isGiven {
			value := path.Child("params").Index(at).Child("value")
			if found := p.typeOf(t.Params[at].Value); found != "" && found != spec.valueType() {
				errs = append(errs, typeMismatch(value, spec.Name, spec.valueType(), found))
			}
			continue
		}
		if fromMatrix.Has(spec.Name) {
			if spec.valueType() != TypeString {
				errs = append(errs, field.Invalid(path.Child("matrix"), spec.Name, fmt.Sprintf("a matrix gives strings, and the task declares the param as %s", spec.valueType())))
			}
			continue
		}
		if _, outer := p.params[spec.Name]; outer || spec.Default != nil {
			continue
		}
		errs = append(errs, missingParam(path.Child("params"), spec).WithOrigin(OriginParamMissing))
	}
	return errs
}

func (p pipelineScope) validateTaskWorkspaces(path *field.Path, t *PipelineTask) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	handed := map[string]string{}
	for i := range t.Workspaces {
		binding, path := &t.Workspaces[i], path.Index(i)
		errs = append(errs, checkName(path.Child("name"), binding.Name, workspaceName, workspaceNameRule)...)
		errs = append(errs, unique.add(path.Child("name"), binding.Name)...)
		if problem := unknown("workspace of the pipeline", binding.PipelineWorkspace(), p.workspaces); problem != "" {
			errs = append(errs, field.Invalid(path.Child("workspace"), shown(binding.PipelineWorkspace()), problem))
		}
		errs = append(errs, checkSubPath(path.Child("subPath"), binding.SubPath)...)
		handed[binding.Name] = binding.PipelineWorkspace()
	}
	if t.TaskSpec == nil {
		return errs
	}
	for i := range t.TaskSpec.Workspaces {
		declared := &t.TaskSpec.Workspaces[i]
		if declared.Optional {
			continue
		}
		from, ok := handed[declared.Name]
		if !ok {
			from, ok = declared.Name, p.workspaces.Has(declared.Name)
		}
		switch {
		case !ok:
			errs = append(errs, field.Required(path, fmt.Sprintf("missing workspace %q: declared by the task and not optional", declared.Name)))
		case p.optional.Has(from):
			errs = append(errs, field.Invalid(path, from, fmt.Sprintf("workspace %q of the task is not optional, and that of the pipeline is; make both the same", declared.Name)))
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
	p.inFinally, p.inResults = false, true
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range results {
		result, path := &results[i], path.Index(i)
		errs = append(errs, checkName(path.Child("name"), result.Name, resultName, resultNameRule)...)
		errs = append(errs, unique.add(path.Child("name"), result.Name)...)
		errs = append(errs, checkType(path.Child("type"), result.Type)...)
		if result.Value.Type == "" {
			errs = append(errs, field.Required(path.Child("value"), "say which results it is made of, as in $(tasks.<task>.results.<result>)"))
			continue
		}
		references := &pipelineReferences{scope: p}
		references.VisitValue(path.Child("value"), &result.Value)
		errs = append(errs, references.errs...)
		if found := p.typeOf(result.Value); slices.Contains(ValueTypes(), result.Type) && found != "" && found != result.Type {
			errs = append(errs, field.Invalid(path.Child("value"), shown(result.Value.first()), fmt.Sprintf("it is of type %s, and the result is of type %s", found, result.Type)))
		}
	}
	return errs
}
