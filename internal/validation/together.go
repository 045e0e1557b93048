package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// This file checks whether a pipeline fits its tasks: the params and workspaces that it gives them, and the results that it
// takes from them. The tasks are those that are written out in the pipeline, and those that it refers to where their Tasks
// are known.

// Together is a pipeline with the Tasks that it refers to.
type Together struct {
	// Spec is the pipeline, with its defaults.
	Spec *v1.PipelineSpec
	// Path is the path of Spec in its object.
	Path *field.Path
	// Run is the run of the pipeline; nil for a pipeline alone.
	Run *v1.PipelineRun
	// Tasks are the specs of Tasks that the pipeline refers to, with their defaults, by the names of the pipeline's tasks, and
	// for Pipelines that it refers to what PipelineAsTask returns. A task without an entry is not checked. Tasks that refer to
	// the same Task have the same pointer here, or the work grows with the product of both.
	Tasks map[string]*v1.TaskSpec
	// Starting says that the pipeline is about to start; see addParam.
	Starting bool
}

// ReportTogether checks a valid pipeline against the Tasks that it refers to. It does not repeat the checks of
// ReportPipeline. Errors about params and
// about results of tasks have an Origin.
func ReportTogether(r *Report, t Together) {
	r.starting = t.Starting
	outer := newScope(r.ofTemplate())
	if t.Run != nil && t.Run.Spec.PipelineSpec != nil {
		outer.open = true
		outer.addGiven(t.Run.Spec.Params)
	}
	in := newPipelineScope(t.Spec, outer)
	in.known = t.Tasks
	for _, list := range taskLists(t.Spec) {
		in.inFinally = list.field == finallyField
		for i := range in.each(len(list.tasks)) {
			in.checkTogether(t.Path.Child(list.field).Index(i), &list.tasks[i])
		}
	}
	in.checkResultsTogether(t.Path.Child("results"), t.Spec.Results)
	if t.Run != nil {
		in.checkOverridesTogether(field.NewPath("spec", "taskRunSpecs"), t.Run.Spec.TaskRunSpecs)
	}
}

func (p pipelineScope) checkResultsTogether(path *field.Path, results []v1.PipelineResult) {
	p.inFinally, p.inResults = false, true
	for i := range p.each(len(results)) {
		path := path.Index(i).Child("value")
		(&pipelineReferences{scope: p, known: true}).VisitValue(path, &results[i].Value)
		if !p.takenFromKnown(results[i].Value) {
			continue
		}
		if err := p.checkResultType(path, &results[i]); err != nil {
			p.Add(err.WithOrigin(OriginPipelineResult))
		}
	}
}

// checkOverridesTogether warns about what a run says about containers that a Task does not have.
func (p pipelineScope) checkOverridesTogether(path *field.Path, specs []v1.PipelineTaskRunSpec) {
	for i := range p.each(len(specs)) {
		t, path := &specs[i], path.Index(i)
		if !p.isKnown(t.PipelineTaskName) {
			continue
		}
		d := p.declarations(p.tasks[t.PipelineTaskName])
		for n := range p.each(len(t.StepSpecs)) {
			name := t.StepSpecs[n].Name
			p.warnUnknown(path.Child("stepSpecs").Index(n).Child("name"), name, d.steps.unknown("step", name))
		}
		for n := range p.each(len(t.SidecarSpecs)) {
			name := t.SidecarSpecs[n].Name
			p.warnUnknown(path.Child("sidecarSpecs").Index(n).Child("name"), name, d.sidecars.unknown("sidecar", name))
		}
	}
}

func (p pipelineScope) checkTogether(path *field.Path, t *v1.PipelineTask) {
	p.task = t
	switch {
	case p.isKnown(t.Name):
		p.checkParams(path, t)
		p.checkWorkspaces(path.Child("workspaces"), t)
	case t.Embedded() != nil:
		declared := p.declarations(t).params
		for i := range p.each(len(t.Params)) {
			if spec := declared[t.Params[i].Name]; spec != nil && p.takenFromKnown(t.Params[i].Value) {
				p.addParam(t, p.checkParam(path.Child("params").Index(i).Child("value"), t, spec, t.Params[i].Value)...)
			}
		}
	}
	variables.VisitPipelineTaskValues(t, path, &pipelineReferences{scope: p, known: true})
	for at, r := range variables.EmbeddedReferences(t) {
		if p.stopped() {
			return
		}
		// How the text uses the value was checked without the Task: it is whatever fits.
		place := use{ownElement: true, ownObject: true}
		if p.concernsKnown(r, place) {
			if _, isResult := r.ResultRef(); isResult {
				p.reportReference(path.Child("taskSpec"), "."+at.String(), r, p.found(r, place))
			}
		}
	}
}

// isKnown reports whether the pipeline's task of this name refers to a Task that is known.
func (p pipelineScope) isKnown(task string) bool {
	t := p.tasks[task]
	return t != nil && t.TaskSpec == nil && p.known[task] != nil
}

// takenFromKnown reports whether a value is a result of a Task that is known.
func (p pipelineScope) takenFromKnown(value v1.Value) bool {
	r, sole := variables.SoleIn(value)
	if !sole {
		return false
	}
	ref, ok := r.ResultRef()
	return ok && p.isKnown(ref.Task)
}

// spec returns the spec of a pipeline's task, and nil where it is not known here.
func (p pipelineScope) spec(t *v1.PipelineTask) *v1.TaskSpec {
	if t.TaskSpec != nil {
		return t.Embedded()
	}
	return p.known[t.Name]
}

// declarations are what a task declares; of two params that have the same name, the first, and of two results, the last.
type declarations struct {
	params  map[string]*v1.ParamSpec
	results *names[*v1.TaskResult]
	// required are the params without a default, and incomplete those of which the default lacks keys. A valid task of the
	// pipeline gives all of them, so that the work for one task does not grow with what its Task declares.
	required, incomplete []*v1.ParamSpec
	// workspaces are the names of those that are not optional.
	workspaces      []string
	steps, sidecars *nameSet
}

// declarations returns what a task declares whose spec is known. It is made once for each spec.
func (p pipelineScope) declarations(t *v1.PipelineTask) *declarations {
	spec := p.spec(t)
	if d, ok := p.declared[spec]; ok {
		return d
	}
	d := &declarations{
		params: make(map[string]*v1.ParamSpec, len(spec.Params)), results: newNames[*v1.TaskResult](nil),
		steps: stepNames(spec.Steps), sidecars: sidecarNames(spec.Sidecars),
	}
	p.declared[spec] = d
	for i := range spec.Params {
		param := &spec.Params[i]
		if _, twice := d.params[param.Name]; twice {
			continue
		}
		d.params[param.Name] = param
		switch {
		case param.Default == nil:
			d.required = append(d.required, param)
		case len(validateParamKeys(param, nil, *param.Default)) > 0:
			d.incomplete = append(d.incomplete, param)
		}
	}
	for i := range spec.Results {
		d.results.add(spec.Results[i].Name, &spec.Results[i])
	}
	for i := range spec.Workspaces {
		if !spec.Workspaces[i].Optional {
			d.workspaces = append(d.workspaces, spec.Workspaces[i].Name)
		}
	}
	return d
}

// checkParams checks the params that a pipeline gives a task whose spec is known. A task that is written out sees the params
// of the pipeline, so that it lacks one only if the pipeline has none of this name either.
func (p pipelineScope) checkParams(path *field.Path, t *v1.PipelineTask) {
	d := p.declarations(t)
	given := sets.New[string]()
	for i := range p.each(len(t.Params)) {
		given.Insert(t.Params[i].Name)
		if spec := d.params[t.Params[i].Name]; spec != nil {
			p.addParam(t, p.checkParam(path.Child("params").Index(i).Child("value"), t, spec, t.Params[i].Value)...)
		}
	}
	for _, param := range matrixParams(t.Matrix) {
		spec := d.params[param.Name]
		if spec != nil && !given.Has(param.Name) && spec.ValueType() != v1.TypeString {
			fault := field.TypeInvalid(path.Child("matrix"), shown(spec.Name),
				fmt.Sprintf("a matrix gives strings, and the task declares the param as %s", shown(string(spec.ValueType()))))
			p.addParam(t, fault.WithOrigin(OriginMatrixParam))
		}
		given.Insert(param.Name)
	}
	for i := range p.each(len(d.required)) {
		spec := d.required[i]
		if !given.Has(spec.Name) && (t.TaskSpec == nil || !p.params.has(spec.Name)) {
			p.addParam(t, missingParam(path.Child("params"), spec).WithOrigin(OriginParamMissing))
		}
	}
	if t.TaskSpec != nil {
		return
	}
	for i := range p.each(len(d.incomplete)) {
		if spec := d.incomplete[i]; !given.Has(spec.Name) {
			p.Add(paramOrigin(t, validateParamKeys(spec, path.Child("params"), *spec.Default)...)...)
		}
	}
}

// checkParam checks a value that a pipeline gives for a param of a task: the type of a value that holds variables, where it
// can be known before the run, and all of a literal. A task that is written out checks its literals when it starts.
func (p pipelineScope) checkParam(path *field.Path, t *v1.PipelineTask, spec *v1.ParamSpec, value v1.Value) field.ErrorList {
	if t.TaskSpec == nil && isLiteral(value) {
		return paramOrigin(t, validateParamValue(spec, path, value)...)
	}
	if found := p.typeOf(value); found != "" && found != spec.ValueType() {
		return paramOrigin(t, typeMismatch(path, spec.Name, spec.ValueType(), found))
	}
	return nil
}

// addParam adds errors about the params that a pipeline gives to a task. As in Tekton, a pipeline whose task is written out in it
// is admitted, and a run of it fails before any task starts.
func (p pipelineScope) addParam(t *v1.PipelineTask, errs ...*field.Error) {
	if t.TaskSpec == nil || p.starting {
		p.Add(errs...)
		return
	}
	for _, err := range errs {
		p.Warn(err.Field, "", err.ErrorBody()+"; a run of the pipeline fails")
	}
}

// addOfTask adds errors about other things that a task needs. A task that is written out in the pipeline fails when it starts.
func (p pipelineScope) addOfTask(t *v1.PipelineTask, errs ...*field.Error) {
	if t.TaskSpec == nil {
		p.Add(errs...)
		return
	}
	p.AddAtRun(errs...)
}

// isLiteral reports whether a value holds no variables.
func isLiteral(value v1.Value) bool {
	for _, text := range value.Texts() {
		if variables.HasReference(text) {
			return false
		}
	}
	return true
}

// paramOrigin gives errors about params of a task that the pipeline refers to their Origin.
func paramOrigin(t *v1.PipelineTask, errs ...*field.Error) field.ErrorList {
	if t.TaskSpec == nil {
		for _, err := range errs {
			if err.Origin == "" {
				_ = err.WithOrigin(OriginParam)
			}
		}
	}
	return errs
}

// checkWorkspaces checks the workspaces that a pipeline gives a task whose spec is known. A task that is written out sees
// the workspaces of the pipeline.
func (p pipelineScope) checkWorkspaces(path *field.Path, t *v1.PipelineTask) {
	handed := make(map[string]string, len(t.Workspaces))
	for i := range t.Workspaces {
		handed[t.Workspaces[i].Name] = t.Workspaces[i].PipelineWorkspace()
	}
	required := p.declarations(t).workspaces
	for i := range p.each(len(required)) {
		name := required[i]
		from, ok := handed[name]
		if !ok && t.TaskSpec != nil {
			from, ok = name, p.workspaces.has(name)
		}
		switch {
		case !ok:
			p.addOfTask(t, field.Required(path, fmt.Sprintf("missing workspace %q: declared by the task and not optional", shown(name))))
		case p.optional.Has(from):
			p.Warn(path.String(), from, fmt.Sprintf("workspace %q of the task is not optional, and that of the pipeline is: a run that "+
				"does not bind it fails when the task starts; make both the same", shown(name)))
		}
	}
}

// checkResultType returns the error of a result of the pipeline whose value is of another type than the declared one.
func (p pipelineScope) checkResultType(path *field.Path, result *v1.PipelineResult) *field.Error {
	found := p.typeOf(result.Value)
	if result.Type == "" || found == "" || found == result.Type {
		return nil
	}
	return field.Invalid(path, shown(firstText(&result.Value)),
		fmt.Sprintf("it is of type %s, and the result is of type %s", shown(string(found)), result.Type))
}

// PipelineWorkspaces checks that a run binds the workspaces that its pipeline needs. A run may bind others.
func PipelineWorkspaces(declared []v1.PipelineWorkspaceDeclaration, bound []v1.WorkspaceBinding, path *field.Path) field.ErrorList {
	names := sets.New[string]()
	for i := range bound {
		names.Insert(bound[i].Name)
	}
	return Errors(func(r *Report) {
		for i := range r.each(len(declared)) {
			if !declared[i].Optional && !names.Has(declared[i].Name) {
				r.Add(field.Required(path, fmt.Sprintf("missing workspace %q: declared by the pipeline and not optional", shown(declared[i].Name))))
			}
		}
	})
}
