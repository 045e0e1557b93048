package validation

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Origins of errors about a pipeline for which the condition of a run has separate reasons.
const (
	// OriginParamMissing: a param without a default has no value.
	OriginParamMissing = "paramMissing"
	// OriginParam: a value is none that a param of a Task takes. The type of the error says what is wrong.
	OriginParam = "param"
	// OriginParamKeys: the value of an object param lacks keys that are declared.
	OriginParamKeys = "paramKeys"
	// OriginMatrixParam: a matrix gives strings, and the Task declares the param with another type.
	OriginMatrixParam = "matrixParam"
	// OriginPipelineResult: a reference of a result of the pipeline to a result of a task cannot be resolved.
	OriginPipelineResult = "pipelineResult"
	// OriginGraph: a task waits for one that is not there.
	OriginGraph = "graph"
	// OriginResultReference: a reference to a result of another task cannot be resolved.
	OriginResultReference = "resultReference"
)

// Pipeline checks the pipeline; see ReportPipeline.
func Pipeline(p *v1.Pipeline) field.ErrorList {
	return Errors(func(report *Report) { ReportPipeline(report, p) })
}

// ReportPipeline checks the pipeline alone, as a user writes it. Some errors have an Origin. It does not search for cycles;
// the graph package does that.
func ReportPipeline(r *Report, p *v1.Pipeline) {
	validatePipelineSpec(&p.Spec, field.NewPath("spec"), newScope(r.ofTemplate()))
}

// PipelineSpec checks a pipeline that is to be run. Some errors have an Origin. Cycles are not looked for here: the graph package
// finds them.
func PipelineSpec(s *v1.PipelineSpec, path *field.Path) field.ErrorList {
	return Errors(func(r *Report) {
		r.starting = true
		reportPipelineSpec(r, s, path)
	})
}

// reportPipelineSpec reports what PipelineSpec returns, and warnings.
func reportPipelineSpec(r *Report, s *v1.PipelineSpec, path *field.Path) {
	validatePipelineSpec(s, path, newScope(r.ofTemplate()))
}

func validatePipelineSpec(s *v1.PipelineSpec, path *field.Path, outer scope) {
	in := newPipelineScope(s, outer)
	in = in.withNested(s)
	validateParamSpecs(in.Report, s.Params, path.Child("params"), outer.listed)
	validatePipelineWorkspaces(in.Report, s, path.Child("workspaces"))
	reportWithoutTasks(in.Report, s, path)
	unique := newUniqueNames()
	for _, list := range taskLists(s) {
		for i := range in.each(len(list.tasks)) {
			task, name := &list.tasks[i], path.Child(list.field).Index(i).Child("name")
			in.Add(checkLabel(name, task.Name)...)
			in.Add(unique.add(name, task.Name)...)
		}
	}
	for _, list := range taskLists(s) {
		in.inFinally = list.field == finallyField
		for i := range in.each(len(list.tasks)) {
			in.validateTask(path.Child(list.field).Index(i), &list.tasks[i])
		}
	}
	in.validateResults(path.Child("results"), s.Results)
}

// reportWithoutTasks reports a pipeline without tasks. As in Tekton, it is refused if it has no field at all, or tasks of finally.
func reportWithoutTasks(r *Report, s *v1.PipelineSpec, path *field.Path) {
	path = path.Child("tasks")
	switch {
	case len(s.Tasks) > 0:
	case len(s.Finally) > 0:
		r.Add(field.Required(path, "tasks of finally need at least one task that ends before them"))
	case equality.Semantic.DeepEqual(s, &v1.PipelineSpec{}):
		r.Add(field.Required(path, "a pipeline needs at least one field, and at least one task to do something"))
	default:
		r.Warn(path.String(), "", "the pipeline has no tasks: a run of it succeeds at once, and does nothing")
	}
}

const finallyField = "finally"

// taskList is one of the two lists of tasks.
type taskList struct {
	field string
	tasks []v1.PipelineTask
}

func taskLists(s *v1.PipelineSpec) []taskList {
	return []taskList{{"tasks", s.Tasks}, {finallyField, s.Finally}}
}

// tasksByName returns the tasks of both lists.
func tasksByName(s *v1.PipelineSpec) map[string]*v1.PipelineTask {
	tasks := make(map[string]*v1.PipelineTask, len(s.Tasks)+len(s.Finally))
	for _, list := range taskLists(s) {
		for i := range list.tasks {
			tasks[list.tasks[i].Name] = &list.tasks[i]
		}
	}
	return tasks
}

func taskNames(tasks []v1.PipelineTask) *nameSet {
	return setOf(len(tasks), func(i int) string { return tasks[i].Name })
}

func validatePipelineWorkspaces(r *Report, s *v1.PipelineSpec, path *field.Path) {
	unique := newUniqueNames()
	for i := range r.each(len(s.Workspaces)) {
		name := path.Index(i).Child("name")
		r.Add(checkName(name, s.Workspaces[i].Name, workspaceName, workspaceNameRule)...)
		r.Add(unique.add(name, s.Workspaces[i].Name)...)
	}
}

// pipelineScope is what the tasks and results of a pipeline can refer to.
type pipelineScope struct {
	scope

	// tasks of both lists by name, and the names of each list.
	tasks        map[string]*v1.PipelineTask
	dag, finally *nameSet
	// known are the specs of Tasks that the pipeline refers to, and what is known of other pipelines, by the names of its tasks;
	// nil where none is known.
	known map[string]*v1.TaskSpec
	// nested are the pipelines that are embedded in its tasks; nil if they would be nested too deeply.
	nested nestedSpecs
	// declared are what the tasks declare, of those that were asked for.
	declared map[*v1.TaskSpec]*declarations
	// optional are the workspaces that a run need not bind.
	optional sets.Set[string]
	// task is the one whose references are checked; nil for the results of the pipeline.
	task *v1.PipelineTask
	// inFinally is true for a task of finally, which can ask how the others ended.
	inFinally bool
	// inResults is true for the results of the pipeline, which are made when all tasks have ended.
	inResults bool
}

func newPipelineScope(s *v1.PipelineSpec, outer scope) pipelineScope {
	in := pipelineScope{
		scope: outer.inner(), tasks: tasksByName(s),
		dag: taskNames(s.Tasks), finally: taskNames(s.Finally), optional: sets.New[string](),
		declared: map[*v1.TaskSpec]*declarations{},
	}
	in.strict, in.typed = true, !in.open
	in.addParams(s.Params)
	for i := range s.Workspaces {
		in.workspaces.add(s.Workspaces[i].Name, struct{}{})
		if s.Workspaces[i].Optional {
			in.optional.Insert(s.Workspaces[i].Name)
		}
	}
	return in
}

// knownLater is the name that stands for one with variables.
const knownLater = "known-when-it-runs"

func (p pipelineScope) validateTask(path *field.Path, t *v1.PipelineTask) {
	p.task = t
	forms := checkForms(path, t)
	p.Add(forms...)
	switch {
	case t.Nested() && len(forms) > 0:
	case t.Custom():
		p.validateCustom(path, t)
	case t.TaskRef != nil:
		ref := *t.TaskRef
		if variables.HasReference(ref.Name) {
			ref.Name = knownLater
		}
		validateTaskRef(p.Report, &ref, path.Child("taskRef"))
	case t.Nested():
		p.validateNested(path, t)
	}
	validateGiven(p.Report, t.Params, path.Child("params"))
	validateMatrix(p.Report, t, path.Child("matrix"))
	variables.VisitPipelineTaskInputs(t, path, &pipelineReferences{scope: p})
	p.validateDisplayNames(path, t)
	if t.Embedded() != nil {
		p.validateEmbedded(path, t)
	}
	validateWhen(p.Report, path.Child("when"), t.When)
	p.validateRunAfter(path.Child("runAfter"), t)
	p.Add(checkRetries(path.Child("retries"), t.Retries)...)
	p.Add(checkTimeout(path.Child("timeout"), t.Timeout)...)
	p.Add(checkOnError(path.Child("onError"), t.OnError)...)
	if t.OnError == v1.OnErrorContinue && t.Retries > 0 {
		p.Add(field.Invalid(path.Child("onError"), t.OnError, "cannot stand together with retries: a failure is either ignored or tried again"))
	}
	p.validateTaskWorkspaces(path.Child("workspaces"), t)
}

func (p pipelineScope) validateRunAfter(path *field.Path, t *v1.PipelineTask) {
	if p.inFinally && len(t.RunAfter) > 0 {
		p.Add(field.Forbidden(path, "tasks of finally all start when the others have ended").WithOrigin(OriginGraph))
		return
	}
	for i := range p.each(len(t.RunAfter)) {
		if problem := p.dag.unknown("task", t.RunAfter[i]); problem != "" {
			p.Add(field.Invalid(path.Index(i), shown(t.RunAfter[i]), problem).WithOrigin(OriginGraph))
		}
	}
}

// validateEmbedded checks a task that is written out in the pipeline: it sees the pipeline's params and workspaces.
func (p pipelineScope) validateEmbedded(path *field.Path, t *v1.PipelineTask) {
	outer := p.inner()
	outer.pipeline = &p
	outer.addGiven(t.Params)
	outer.addGiven(matrixParams(t.Matrix))
	for i := range t.Workspaces {
		outer.workspaces.add(t.Workspaces[i].Name, struct{}{})
	}
	p.Add(checkNotCustom(path.Child("taskSpec"), t.TaskSpec)...)
	validateTaskSpec(&t.TaskSpec.TaskSpec, path.Child("taskSpec"), outer)
	p.checkParams(path, t)
}

// matrixParams are the params that a task gets from the matrix: one element of each array.
func matrixParams(m *v1.Matrix) []v1.Param {
	if m == nil {
		return nil
	}
	var params []v1.Param
	add := func(from []v1.Param) {
		for i := range from {
			params = append(params, v1.Param{Name: from[i].Name, Value: v1.StringValue("")})
		}
	}
	add(m.Params)
	for i := range m.Include {
		add(m.Include[i].Params)
	}
	return params
}

func (p pipelineScope) validateTaskWorkspaces(path *field.Path, t *v1.PipelineTask) {
	unique := newUniqueNames()
	for i := range p.each(len(t.Workspaces)) {
		binding, path := &t.Workspaces[i], path.Index(i)
		p.Add(checkName(path.Child("name"), binding.Name, workspaceName, workspaceNameRule)...)
		p.Add(unique.add(path.Child("name"), binding.Name)...)
		p.checkPipelineWorkspace(path.Child("workspace"), binding.PipelineWorkspace())
		p.AddAtRun(checkSubPath(path.Child("subPath"), binding.SubPath)...)
	}
	if t.Embedded() != nil {
		p.checkWorkspaces(path, t)
	}
}

// checkPipelineWorkspace checks that the pipeline has a workspace that a task gets. A run without it can start if the pipeline is
// written out in the run: the workspace may be optional for the task.
func (p pipelineScope) checkPipelineWorkspace(path *field.Path, workspace string) {
	problem := p.workspaces.unknown("workspace of the pipeline", workspace)
	switch {
	case problem == "":
	case p.open:
		p.Warn(path.String(), shown(workspace), problem+"; the task does not get it; bind it in the run")
	default:
		p.Add(field.Invalid(path, shown(workspace), problem))
	}
}

func (p pipelineScope) validateResults(path *field.Path, results []v1.PipelineResult) {
	p.inFinally, p.inResults = false, true
	unique := newUniqueNames()
	for i := range p.each(len(results)) {
		result, path := &results[i], path.Index(i)
		p.Add(checkName(path.Child("name"), result.Name, resultName, resultNameRule)...)
		unique.warn(p.Report, path.Child("name"), result.Name)
		p.Add(checkType(path.Child("type"), result.Type)...)
		if result.Value.Type == "" {
			p.Add(field.Required(path.Child("value"), "say which results it is made of, as in $(tasks.<task>.results.<result>)"))
			continue
		}
		(&pipelineReferences{scope: p}).VisitValue(path.Child("value"), &result.Value)
		if err := p.checkResultType(path.Child("value"), result); err != nil && slices.Contains(v1.ValueTypes(), result.Type) {
			p.Add(err)
		}
	}
}
