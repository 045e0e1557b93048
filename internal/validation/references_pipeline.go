package validation

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// pipelineReferences is a ValueVisitor that refuses references to what the pipeline does not have. It changes nothing.
type pipelineReferences struct {
	scope pipelineScope
	// known says that only references to Tasks that are known are checked.
	known bool
}

func (p *pipelineReferences) VisitText(path *field.Path, text *string) {
	p.check(path, "", *text, textUse(path, *text))
}

func (p *pipelineReferences) VisitElements(path *field.Path, list *[]string) {
	for i := range p.scope.each(len(*list)) {
		text := (*list)[i]
		p.check(path.Index(i), "", text, use{ownElement: isSole(text)})
	}
}

func (p *pipelineReferences) VisitValue(path *field.Path, value *v1.Value) {
	for where, text := range value.Texts() {
		if p.scope.stopped() {
			return
		}
		place := placeOf(value, text)
		place.passedOn = !p.scope.inResults
		p.check(path, where, text, place)
	}
}

func (p *pipelineReferences) check(path *field.Path, where, text string, place use) {
	for r := range p.scope.references(text) {
		if p.known && !p.scope.concernsKnown(r, place) {
			continue
		}
		p.scope.reportReference(path, where, r, p.scope.problem(r, place))
	}
}

// textUse returns how a text that stays one can use an array: the input of a when expression takes a whole one, as JSON.
func textUse(path *field.Path, text string) use {
	return use{ownElement: isSole(text) && strings.HasSuffix(path.String(), ".input")}
}

// concernsKnown reports whether a reference is to results of a Task that is known, and nothing is wrong with it otherwise.
func (p pipelineScope) concernsKnown(r variables.Reference, place use) bool {
	task, _, ok := r.MatrixLength()
	if ref, isResult := r.ResultRef(); isResult {
		task, ok = ref.Task, true
	}
	if !ok || !p.isKnown(task) {
		return false
	}
	p.known = nil
	return p.problem(r, place).none()
}

// invalidText is an error about a text within a value. The path of a field cannot be extended by a text such as "[1]",
// therefore the error's own is.
func invalidText(path *field.Path, where, text, problem string) *field.Error {
	err := field.Invalid(path, shown(text), problem)
	err.Field += shown(where)
	return err
}

// problem returns what is wrong with a reference in a pipeline. The results of a pipeline are made of nothing else than values,
// so that every problem is refused there. Elsewhere text that Tekton does not replace stays.
func (p pipelineScope) problem(r variables.Reference, place use) problem {
	found := p.found(r, place)
	if p.inResults {
		found.left, found.ofResult = false, true
	}
	return found
}

func (p pipelineScope) found(r variables.Reference, place use) problem {
	if r.Malformed {
		return leftAlone(malformedReference)
	}
	switch r.Root {
	case variables.RootParams:
		return p.paramProblem(r, place)
	case variables.RootWorkspaces:
		if text := p.workspaceProblem(r, "bound"); text != "" {
			return p.ownProblem(r, place, text)
		}
		return problem{}
	case variables.RootContext:
		return p.contextProblem(r, place)
	case variables.RootTasks, variables.RootFinally:
		return p.taskProblem(r, place)
	default:
		return p.ownProblem(r, place, "a pipeline refers to results as $(tasks.<task>.results.<result>)")
	}
}

// ownProblem returns the problem of a reference that is not to the pipeline: in a param it can be to what the task itself has,
// and the task that gets the param replaces it. Otherwise text says what is wrong.
func (p pipelineScope) ownProblem(r variables.Reference, place use, text string) problem {
	if !place.passedOn || p.task == nil {
		return leftAlone(text)
	}
	spec := p.spec(p.task)
	switch r.Root {
	case variables.RootWorkspaces:
		// A workspace that the task gets, or that it declares and that can be bound for it.
		named := func(w v1.WorkspacePipelineTaskBinding) bool { return w.Name == r.Names[0] }
		if len(r.Names) != 2 || !slices.ContainsFunc(p.task.Workspaces, named) && !(p.task.TaskSpec != nil && p.workspaces.has(r.Names[0])) {
			return leftAlone(text)
		}
	case variables.RootArtifacts:
		return leftAlone(artifactsPathOnly)
	case variables.RootResults:
		if spec != nil && !p.declarations(p.task).results.has(strings.Join(r.Names[:len(r.Names)-1], ".")) {
			return leftAlone(text)
		}
	}
	return problem{}
}

// contextProblem returns what is wrong with a reference to the context of the run, or to that of the task's run. As in Tekton,
// unknown names of the run, the pipeline and its task are refused.
func (p pipelineScope) contextProblem(r variables.Reference, place use) problem {
	text := contextProblem(r, variables.PipelineContext())
	switch {
	case text == "", place.passedOn && contextProblem(r, variables.TaskContext()) == "":
		return problem{}
	case r.Names[0] == "pipelineRun" || r.Names[0] == "pipeline" || r.Names[0] == "pipelineTask":
		return refused(text)
	default:
		return leftAlone(text)
	}
}

// taskProblem returns what is wrong with a reference to a task of the pipeline.
func (p pipelineScope) taskProblem(r variables.Reference, place use) problem {
	if task, _, ok := r.TaskState(); ok {
		return refused(p.stateProblem(task))
	}
	if task, result, ok := r.MatrixLength(); ok {
		return refused(p.lengthProblem(task, result))
	}
	ref, ok := r.ResultRef()
	if !ok {
		return leftAlone("in a task of a pipeline, a result is referred to as $(tasks.<task>.results.<result>), " +
			"with [*], [<index>] or .<key> behind it")
	}
	if ref.Finally {
		if !p.inResults {
			return refused("results of tasks of finally can be used in the results of the pipeline only")
		}
		if text := p.finally.unknown("task of finally", ref.Task); text != "" {
			return refused(text)
		}
	} else if text := p.dag.unknown("task", ref.Task); text != "" {
		return refused(text)
	}
	return p.resultProblem(p.tasks[ref.Task], ref, r.Root, place)
}

// stateProblem returns what is wrong with a reference to how a task ended, or all of them, for which task is empty.
func (p pipelineScope) stateProblem(task string) string {
	if !p.inFinally {
		return "how tasks ended is known in tasks of finally only"
	}
	if task == "" {
		return ""
	}
	return p.dag.unknown("task", task)
}

func (p pipelineScope) lengthProblem(name, result string) string {
	if problem := p.dag.unknown("task", name); problem != "" {
		return problem
	}
	task := p.tasks[name]
	if task.Matrix == nil {
		return fmt.Sprintf("task %q has no matrix", shown(name))
	}
	if result == "" || p.spec(task) == nil {
		return ""
	}
	return p.declarations(task).results.unknown("result of task "+shown(name), result)
}

// resultProblem returns what is wrong with using a result of the task so. As in Tekton, a part that the result does not have, and
// a whole array or object within a longer text, stays as text.
func (p pipelineScope) resultProblem(t *v1.PipelineTask, ref variables.ResultRef, root string, place use) problem {
	text := strings.Join([]string{root, ref.Task, variables.AttributeResults, ref.Result}, ".")
	if ref.Artifacts != "" {
		return refused(p.artifactProblem(t))
	}
	if t.Matrix != nil && !ref.Whole {
		return refused(fmt.Sprintf("task %q has a matrix: its results are used together, as in $(%s[*])", shown(ref.Task), shown(text)))
	}
	declared, unknown := p.declaredResult(t, ref)
	if unknown != "" || declared == nil {
		return refused(unknown)
	}
	place.noun, place.name, place.ref = "result", ref.Result, text
	place.keyed, place.key, place.whole, place.indexed = ref.Key != "", ref.Key, ref.Whole, ref.Index >= 0
	if t.Matrix == nil {
		return leftAlone(p.useProblem(place, declared.ValueType(), declared.Properties))
	}
	if declared.ValueType() != v1.TypeString {
		return refused(fmt.Sprintf("task %q has a matrix: of its results only strings can be used, and %q is of type %s",
			shown(ref.Task), shown(ref.Result), shown(string(declared.ValueType()))))
	}
	return leftAlone(p.useProblem(place, v1.TypeArray, nil))
}

// artifactProblem returns what is wrong with using an artifact of the task. No task declares which artifacts it has.
func (p pipelineScope) artifactProblem(t *v1.PipelineTask) string {
	switch {
	case p.inResults:
		return "a result of a pipeline takes its value from results of tasks, and not from artifacts; let the task write a result"
	case t.Matrix != nil:
		return fmt.Sprintf("task %q has a matrix: artifacts can be used of a task that runs once", shown(t.Name))
	}
	return ""
}

// declaredResult returns the declaration of a result, or nil where the task is not known here.
func (p pipelineScope) declaredResult(t *v1.PipelineTask, ref variables.ResultRef) (declared *v1.TaskResult, problem string) {
	if p.spec(t) == nil {
		return nil, ""
	}
	results := p.declarations(t).results
	declared, ok := results.get(ref.Result)
	if !ok {
		return nil, results.unknown("result of task "+shown(ref.Task), ref.Result)
	}
	if t.Nested() && declared.Type == "" {
		return nil, "" // its type is that of its value
	}
	return declared, ""
}

// typeOf is the type that a value will have, and empty where the pipeline does not show it.
func (p pipelineScope) typeOf(value v1.Value) v1.ValueType {
	if value.Type == "" {
		return ""
	}
	r, sole := variables.SoleIn(value)
	if !sole {
		return value.Type
	}
	if r.Root == variables.RootParams {
		spec, _ := p.params.get(r.Names[0])
		switch {
		case spec == nil:
			return ""
		case len(r.Names) > 1 || r.Index >= 0:
			return v1.TypeString
		}
		return spec.ValueType()
	}
	ref, ok := r.ResultRef()
	if !ok {
		return v1.TypeString
	}
	task := p.tasks[ref.Task]
	switch {
	case task == nil:
		return ""
	case ref.Key != "" || ref.Index >= 0 || ref.Artifacts != "":
		return v1.TypeString
	case task.Matrix != nil:
		return v1.TypeArray
	}
	declared, _ := p.declaredResult(task, ref)
	if declared == nil {
		return ""
	}
	return declared.ValueType()
}
