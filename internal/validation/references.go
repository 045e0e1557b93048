package validation

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// scope is what the references in a task can refer to. An outer scope's params and workspaces are visible in a spec that
// is written out in a run or in a pipeline, unless the spec declares the same name itself. What is wrong goes to its Report.
type scope struct {
	*Report

	// params by name; nil is one whose type is not known before the run.
	params *names[*v1.ParamSpec]
	// results that the task declares; nil where they are not known.
	results *nameSet
	// workspaces that are declared or bound.
	workspaces *nameSet
	// volumes are those that the run adds. The flag is true if there can be no others: a Task alone may mount a volume that
	// only the pod template of a run has.
	volumes       []corev1.Volume
	volumesClosed bool
	// steps of the task, and the index of the one that refers; −1 where it is not a step.
	steps *stepIndex
	step  int
	// runtime is true where results of earlier steps can be used: the text is needed only when the step starts.
	runtime bool
	// open is true in a spec that is written out in a run: names that it does not declare can be those of the run.
	open bool
	// listed is true in an object that other objects refer to: its params of type object must list their keys.
	listed bool
	// strict is true in the places in which a wrong reference to a param is refused. Elsewhere it is a warning.
	strict bool
	// typed is true where the types of the params that the spec declares are checked.
	typed bool
	// depth is how many pipelines the spec is within.
	depth int
	// pipeline is what a task that is written out in a pipeline sees of it; nil for every other task.
	pipeline *pipelineScope
}

// noStep is the index of the step where a text belongs to none.
const noStep = -1

func newScope(r *Report) scope {
	return scope{
		Report: r, params: newNames[*v1.ParamSpec](nil), results: newNames[struct{}](nil), workspaces: newNames[struct{}](nil),
		steps: newStepIndex(nil), step: noStep,
	}
}

// inner returns a scope within this one, to which declarations can be added.
func (s scope) inner() scope {
	return scope{
		Report: s.Report, params: newNames(s.params), results: newNames[struct{}](nil), workspaces: newNames(s.workspaces),
		volumes: s.volumes, volumesClosed: s.volumesClosed, steps: newStepIndex(nil), step: noStep,
		open: s.open, depth: s.depth, pipeline: s.pipeline,
	}
}

// addParams makes declared params known; addGiven those that have a value, where no declaration says more.
func (s scope) addParams(specs []v1.ParamSpec) {
	for i := range specs {
		s.params.add(specs[i].Name, &specs[i])
	}
}

func (s scope) addGiven(given []v1.Param) {
	for i := range given {
		if s.params.has(given[i].Name) {
			continue
		}
		var spec *v1.ParamSpec
		// A text that is nothing but one reference takes the type of what it refers to.
		if t := given[i].Value.Type; t != "" && !(t == v1.TypeString && isSole(given[i].Value.String)) {
			spec = &v1.ParamSpec{Name: given[i].Name, Type: t}
		}
		s.params.add(given[i].Name, spec)
	}
}

// addBound makes the workspaces known that a run binds.
func (s scope) addBound(bound []v1.WorkspaceBinding) {
	for i := range bound {
		s.workspaces.add(bound[i].Name, struct{}{})
	}
}

// isSole reports whether a text is one reference and nothing else, which can stand for a value that is not a string.
func isSole(text string) bool {
	_, sole := variables.Sole(text)
	return sole
}

// taskScope is the scope within a task that sees an outer scope.
func taskScope(s *v1.TaskSpec, outer scope) scope {
	in := outer.inner()
	in.addParams(s.Params)
	for i := range s.Results {
		in.results.add(s.Results[i].Name, struct{}{})
	}
	for i := range s.Workspaces {
		in.workspaces.add(s.Workspaces[i].Name, struct{}{})
	}
	in.steps, in.typed = newStepIndex(s.Steps), true
	return in
}

// validateTaskReferences refuses references in the task to what it does not have.
func validateTaskReferences(s *v1.TaskSpec, path *field.Path, in scope) {
	all := &taskReferences{scope: in}
	variables.VisitTaskTextsWith(s, path, all, func(i int, path *field.Path) {
		if in.stopped() {
			return
		}
		in.steps.reach(i)
		fixed := &taskReferences{scope: in}
		fixed.scope.step, fixed.scope.strict = i, true
		variables.VisitFixedStepTexts(&s.Steps[i], path, fixed)
		runtime := &taskReferences{scope: fixed.scope}
		runtime.scope.runtime = true
		variables.VisitRuntimeStepTexts(&s.Steps[i], path, runtime)
		variables.VisitRuntimeStepValues(&s.Steps[i], path, (*stepValues)(runtime))
	})
}

// taskReferences is a TextVisitor that refuses references to what the scope does not have. It changes nothing.
type taskReferences struct {
	scope scope
}

func (t *taskReferences) VisitText(path *field.Path, _ variables.TextKind, text *string) {
	t.checkText(path, "", *text, use{})
}

func (t *taskReferences) VisitList(path *field.Path, list *[]string) {
	for i := range t.scope.each(len(*list)) {
		text := (*list)[i]
		t.checkText(path.Index(i), "", text, use{ownElement: isSole(text)})
	}
}

// checkText checks the references in a text; where is what of a value the text is.
func (t *taskReferences) checkText(path *field.Path, where, text string, place use) {
	for r := range t.scope.references(text) {
		t.scope.reportReference(path, where, r, t.scope.taskProblem(r, place))
	}
}

// stepValues is a taskReferences that visits the values of a step.
type stepValues taskReferences

func (s *stepValues) VisitText(path *field.Path, text *string) {
	(*taskReferences)(s).checkText(path, "", *text, textUse(path, *text))
}

func (s *stepValues) VisitElements(path *field.Path, list *[]string) {
	(*taskReferences)(s).VisitList(path, list)
}

func (s *stepValues) VisitValue(path *field.Path, value *v1.Value) {
	for where, text := range value.Texts() {
		if s.scope.stopped() {
			return
		}
		(*taskReferences)(s).checkText(path, where, text, placeOf(value, text))
	}
}

// placeOf says what a text of the value may become: a string that is nothing but one reference takes the type of what it
// refers to; an element of an array can be a whole array, whose elements then take its place.
func placeOf(v *v1.Value, text string) use {
	sole := isSole(text)
	return use{
		ownElement: sole && v.Type != v1.TypeObject,
		ownObject:  sole && v.Type != v1.TypeObject && v.Type != v1.TypeArray,
	}
}

// taskProblem returns what is wrong with a reference in a task.
func (s scope) taskProblem(r variables.Reference, place use) problem {
	if r.Malformed {
		return leftAlone(malformedReference)
	}
	switch r.Root {
	case variables.RootParams:
		return s.paramProblem(r, place)
	case variables.RootResults:
		return s.ownResultProblem(r)
	case variables.RootWorkspaces:
		return leftAlone(s.workspaceProblem(r, attributePath, "bound", "claim", "volume"))
	case variables.RootContext:
		return s.taskContextProblem(r)
	case variables.RootSteps:
		return s.stepsProblem(r, place)
	case variables.RootStep:
		return s.ownStepProblem(r)
	case variables.RootCredentials:
		if len(r.Names) == 1 && r.Names[0] == attributePath && !r.HasIndex() {
			return problem{}
		}
		return leftAlone("there is only $(credentials.path)")
	case variables.RootArtifacts:
		return artifactsPathProblem(r)
	default:
		return s.otherTaskProblem(r, place)
	}
}

// artifactsPathProblem returns what is wrong with a reference to the file of the artifacts of a task.
func artifactsPathProblem(r variables.Reference) problem {
	if r.ArtifactsPath() != variables.RootArtifacts {
		return leftAlone(artifactsPathOnly)
	}
	return problem{}
}

// ownResultProblem returns what is wrong with a reference of a task to the file of a result.
func (s scope) ownResultProblem(r variables.Reference) problem {
	n := len(r.Names) - 1
	if n < 1 || r.Names[n] != attributePath || r.HasIndex() {
		return leftAlone("a task refers to the file of a result as $(results.<name>.path)")
	}
	if s.results == nil {
		return problem{} // a StepAction writes results of a task that is not known here
	}
	return leftAlone(s.results.unknown("result", strings.Join(r.Names[:n], ".")))
}

// otherTaskProblem returns what is wrong with a reference of a task to another task. A task that is written out in a pipeline
// can use results of the pipeline's tasks.
func (s scope) otherTaskProblem(r variables.Reference, place use) problem {
	ref, ok := r.ResultRef()
	if ok && !ref.Finally && s.params.has(r.Handed()) {
		return problem{} // the pipeline has given the value to the TaskRun
	}
	if s.pipeline != nil && !ok {
		return leftAlone("of other tasks, a task that is written out sees results only, as $(tasks.<task>.results.<result>); use a param")
	}
	if s.pipeline == nil || ref.Finally {
		return leftAlone("a task sees results of other tasks only if it is written out in a pipeline; use a param")
	}
	return s.pipeline.taskProblem(r, place)
}

// taskContextProblem returns what is wrong with a reference of a task to its context. As in Tekton, steps are refused for an
// unknown name behind context.taskRun and context.task, and all other names stay as text.
func (s scope) taskContextProblem(r variables.Reference) problem {
	text := contextProblem(r, variables.TaskContext())
	switch {
	case text == "" || s.params.has(r.Handed()):
		return problem{}
	case s.pipeline != nil && contextProblem(r, variables.PipelineContext()) == "":
		return problem{}
	case s.step != noStep && (r.Names[0] == "taskRun" || r.Names[0] == "task"):
		return refused(text)
	default:
		return leftAlone(text)
	}
}

// attributePath is the last word of a reference to the file or folder of a result, a workspace and similar objects.
const attributePath = "path"

const malformedReference = "not a variable: write $(params.<name>), $(params['<name>']), $(params.<array>[0]), " +
	"$(params.<object>.<key>) or $(params.<array>[*])"

// paramProblem returns what is wrong with a reference to a param. As in Tekton, only steps are refused: for a param that a Task
// or Pipeline does not declare, and for a use that does not fit the type that the spec itself declares.
func (s scope) paramProblem(r variables.Reference, place use) problem {
	r = s.dotted(r)
	name := r.Names[0]
	spec, ok := s.params.get(name)
	if !ok {
		return s.unknownParam(name)
	}
	if len(r.Names) > 2 || len(r.Names) == 2 && r.HasIndex() {
		return leftAlone(malformedReference)
	}
	if spec == nil {
		return problem{}
	}
	place.noun, place.name, place.ref = "param", name, r.Root+"."+name
	place.keyed, place.key = len(r.Names) == 2, r.Names[len(r.Names)-1]
	place.whole, place.indexed = r.Whole, r.Index >= 0
	text := s.useProblem(place, spec.ValueType(), spec.Properties)
	own, declared := s.params.own[name]
	if s.strict && s.typed && declared && own == spec && spec.ValueType() != v1.TypeString {
		return refused(text)
	}
	return leftAlone(text)
}

// unknownParam is the problem of a reference to a param that is not declared.
func (s scope) unknownParam(name string) problem {
	switch {
	case s.strict && !s.open:
		return refused(s.params.unknown("param", name))
	case !s.listsWarnings():
		return leftAlone(countedOnly)
	default:
		return leftAlone(s.params.unknown("param", name))
	}
}

// dotted returns a reference to a param whose name has dots in the form that has brackets: without brackets a dot stands between
// a param and its key, unless there is no such param.
func (s scope) dotted(r variables.Reference) variables.Reference {
	if len(r.Names) < 2 || s.params.has(r.Names[0]) {
		return r
	}
	if name := strings.Join(r.Names, "."); s.params.has(name) {
		r.Names = []string{name}
	}
	return r
}

// use is how a text uses a param or a result.
type use struct {
	noun, name, ref string
	keyed           bool
	key             string
	whole, indexed  bool
	// ownElement: the place takes a whole array.
	ownElement bool
	// ownObject: the place takes a whole object.
	ownObject bool
	// passedOn: the text is passed on to a task, which replaces its own variables in it.
	passedOn bool
}

// useProblem says what is wrong with using a value of type t so, or returns "".
func (r *Report) useProblem(u use, t v1.ValueType, properties map[string]v1.PropertySpec) string {
	u.name, u.ref = shown(u.name), shown(u.ref)
	bare := !u.keyed && !u.whole && !u.indexed
	wholly := u.whole || bare
	switch t {
	case v1.TypeArray:
		if u.indexed || wholly && u.ownElement {
			return ""
		}
		return fmt.Sprintf("%s %q is an array: use one element, as in $(%s[0]), or all of it with $(%s[*]) as a separate element",
			u.noun, u.name, u.ref, u.ref)
	case v1.TypeObject:
		if wholly && u.ownObject {
			return ""
		}
		if !u.keyed {
			return fmt.Sprintf("%s %q is an object: use one of its keys, as in $(%s.<key>)", u.noun, u.name, u.ref)
		}
		if _, ok := properties[u.key]; !ok && len(properties) > 0 {
			return r.keysOf(properties).unknown("key of "+u.noun+" "+u.name, u.key)
		}
		return ""
	default:
		if bare {
			return ""
		}
		return fmt.Sprintf("%s %q is a string: use it as $(%s)", u.noun, u.name, u.ref)
	}
}

func (s scope) workspaceProblem(r variables.Reference, attributes ...string) string {
	if len(r.Names) != 2 || r.HasIndex() || !slices.Contains(attributes, r.Names[1]) {
		return "here a workspace is referred to as $(workspaces.<name>." + strings.Join(attributes, "|") + ")"
	}
	return s.workspaces.unknown("workspace", r.Names[0])
}

func contextProblem(r variables.Reference, known []string) string {
	if !r.HasIndex() && slices.Contains(known, strings.Join(r.Names, ".")) {
		return ""
	}
	return "no such variable here; there are: " + strings.Join(known, ", ")
}
