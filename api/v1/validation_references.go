package v1

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// scope is what the references in a task can refer to. An outer scope's params and workspaces are visible in a spec that
// is written out in a run or in a pipeline, unless the spec declares the same name itself.
type scope struct {
	// params by name; nil is one whose type is not known before the run.
	params map[string]*ParamSpec
	// results that the task declares; nil where they are not known.
	results sets.Set[string]
	// workspaces that are declared or bound.
	workspaces sets.Set[string]
	// volumes that the run brings along, and whether no others can be there: a Task by itself may mount a volume that the
	// pod template of a run has.
	volumes       []corev1.Volume
	volumesClosed bool
	// steps of the task, and the index of the one that refers; −1 where it is not a step.
	steps []Step
	step  int
	// runtime is true where results of earlier steps can be used: the text is needed only when the step starts.
	runtime bool
}

// noStep is the index of the step where a text belongs to none.
const noStep = -1

func newScope() scope {
	return scope{params: map[string]*ParamSpec{}, results: sets.New[string](), workspaces: sets.New[string](), step: noStep}
}

// inner returns a copy to which declarations can be added.
func (s scope) inner() scope {
	return scope{
		params: maps.Clone(s.params), results: sets.New[string](), workspaces: s.workspaces.Clone(),
		volumes: s.volumes, volumesClosed: s.volumesClosed, step: noStep,
	}
}

// addParams makes declared params known; addGiven those that have a value, where no declaration says more.
func (s scope) addParams(specs []ParamSpec) {
	for i := range specs {
		s.params[specs[i].Name] = &specs[i]
	}
}

func (s scope) addGiven(given []Param) {
	for i := range given {
		if _, ok := s.params[given[i].Name]; ok {
			continue
		}
		s.params[given[i].Name] = nil
		// A text that is nothing but one reference takes the type of what it refers to.
		if t := given[i].Value.Type; t != "" && !(t == TypeString && isolated(given[i].Value.String)) {
			s.params[given[i].Name] = &ParamSpec{Name: given[i].Name, Type: t}
		}
	}
}

// addBound makes the workspaces known that a run binds.
func (s scope) addBound(bound []WorkspaceBinding) {
	for i := range bound {
		s.workspaces.Insert(bound[i].Name)
	}
}

// isolated reports whether a text is nothing but one reference.
func isolated(text string) bool {
	for r := range References(text) {
		return r.Start == 0 && r.End == len(text)
	}
	return false
}

// taskScope is the scope within a task that sees an outer scope.
func taskScope(s *TaskSpec, outer scope) scope {
	in := outer.inner()
	in.addParams(s.Params)
	for i := range s.Results {
		in.results.Insert(s.Results[i].Name)
	}
	for i := range s.Workspaces {
		in.workspaces.Insert(s.Workspaces[i].Name)
	}
	in.steps = s.Steps
	return in
}

// validateReferences refuses references in the task to what it does not have.
func (s *TaskSpec) validateReferences(path *field.Path, in scope) field.ErrorList {
	all := &taskReferences{scope: in}
	s.visitTexts(path, all, func(i int, path *field.Path) {
		fixed := &taskReferences{scope: in}
		fixed.scope.step = i
		s.Steps[i].VisitFixedTexts(path, fixed)
		runtime := &taskReferences{scope: fixed.scope}
		runtime.scope.runtime = true
		s.Steps[i].VisitRuntimeTexts(path, runtime)
		s.Steps[i].visitRuntimeValues(path, (*stepValues)(runtime))
		all.errs = append(append(all.errs, fixed.errs...), runtime.errs...)
	})
	return all.errs
}

// taskReferences is a TextVisitor that refuses references to what the scope does not have. It changes nothing.
type taskReferences struct {
	scope scope
	errs  field.ErrorList
}

func (t *taskReferences) VisitText(path *field.Path, _ TextKind, text *string) {
	t.checkText(path, "", *text, use{})
}

func (t *taskReferences) VisitList(path *field.Path, list *[]string) {
	for i, text := range *list {
		t.checkText(path.Index(i), "", text, use{ownElement: isolated(text)})
	}
}

// checkText checks the references in a text; where is what of a value the text is.
func (t *taskReferences) checkText(path *field.Path, where, text string, place use) {
	for r := range References(text) {
		if problem := t.scope.taskProblem(r, place); problem != "" {
			t.errs = append(t.errs, invalidText(path, where, r.Text, problem))
		}
	}
}

// stepValues is a taskReferences that visits the values of a step.
type stepValues taskReferences

func (s *stepValues) VisitText(path *field.Path, text *string) {
	(*taskReferences)(s).checkText(path, "", *text, use{})
}

func (s *stepValues) VisitElements(path *field.Path, list *[]string) {
	(*taskReferences)(s).VisitList(path, list)
}

func (s *stepValues) VisitValue(path *field.Path, value *Value) {
	for where, text := range value.Texts() {
		(*taskReferences)(s).checkText(path, where, text, value.place(text))
	}
}

// place says what a text of the value may become: a string that is nothing but one reference takes the type of what it
// refers to; an element of an array can be a whole array, whose elements then take its place.
func (v *Value) place(text string) use {
	alone := isolated(text)
	return use{
		ownElement: alone && v.Type != TypeObject,
		ownObject:  alone && v.Type != TypeObject && v.Type != TypeArray,
	}
}

// taskProblem says what is wrong with a reference in a task, or returns "".
func (s scope) taskProblem(r Reference, place use) string {
	if r.Malformed {
		return malformedReference
	}
	switch r.Root {
	case RootParams:
		return s.paramProblem(r, place)
	case RootResults:
		if len(r.Names) != 2 || r.Names[1] != attributePath || r.hasIndex() {
			return "a task refers to the file of a result as $(results.<name>.path)"
		}
		if s.results == nil {
			return "" // a StepAction writes results of a task that is not known here
		}
		return unknown("result", r.Names[0], s.results)
	case RootWorkspaces:
		return s.workspaceProblem(r, attributePath, "bound", "claim", "volume")
	case RootContext:
		return contextProblem(r, TaskContext())
	case RootSteps:
		return s.stepsProblem(r, place)
	case RootStep:
		return s.ownStepProblem(r)
	case RootCredentials:
		if len(r.Names) == 1 && r.Names[0] == attributePath && !r.hasIndex() {
			return ""
		}
		return "there is only $(credentials.path)"
	case RootArtifacts:
		return "artifacts are " + notSupported
	default:
		return "other tasks can be referred to in the params of a pipeline's task, not within a task"
	}
}

// attributePath is the word behind results, workspaces and the like that stands for a file or a folder.
const attributePath = "path"

const malformedReference = "not a variable: write $(params.<name>), $(params['<name>']), $(params.<array>[0]), $(params.<object>.<key>) or $(params.<array>[*])"

// hasIndex reports whether [*] or [number] ends the reference.
func (r Reference) hasIndex() bool { return r.Whole || r.Index >= 0 }

func (s scope) paramProblem(r Reference, place use) string {
	name := r.Names[0]
	spec, ok := s.params[name]
	if !ok {
		return unknown("param", name, sets.KeySet(s.params))
	}
	if len(r.Names) > 2 || len(r.Names) == 2 && r.hasIndex() {
		return malformedReference
	}
	if spec == nil {
		return ""
	}
	place.noun, place.name, place.ref = "param", name, r.Root+"."+name
	place.keyed, place.key = len(r.Names) == 2, r.Names[len(r.Names)-1]
	place.whole, place.indexed = r.Whole, r.Index >= 0
	return useProblem(place, spec.valueType(), spec.Properties)
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
	// strict: a whole array or object must be written with [*].
	strict bool
}

// useProblem says what is wrong with using a value of type t so, or returns "".
func useProblem(u use, t ValueType, properties map[string]PropertySpec) string {
	bare := !u.keyed && !u.whole && !u.indexed
	wholly := u.whole || bare && !u.strict
	switch t {
	case TypeArray:
		if u.indexed || wholly && u.ownElement {
			return ""
		}
		return fmt.Sprintf("%s %q is an array: use one element, as in $(%s[0]), or all of it with $(%s[*]) as an element of its own", u.noun, u.name, u.ref, u.ref)
	case TypeObject:
		if wholly && u.ownObject {
			return ""
		}
		if !u.keyed {
			return fmt.Sprintf("%s %q is an object: use one of its keys, as in $(%s.<key>)", u.noun, u.name, u.ref)
		}
		if _, ok := properties[u.key]; !ok && len(properties) > 0 {
			return unknown("key of "+u.noun+" "+u.name, u.key, sets.KeySet(properties))
		}
		return ""
	default:
		if bare {
			return ""
		}
		return fmt.Sprintf("%s %q is a string: use it as $(%s)", u.noun, u.name, u.ref)
	}
}

func (s scope) workspaceProblem(r Reference, attributes ...string) string {
	if len(r.Names) != 2 || r.hasIndex() || !slices.Contains(attributes, r.Names[1]) {
		return "here a workspace is referred to as $(workspaces.<name>." + strings.Join(attributes, "|") + ")"
	}
	return unknown("workspace", r.Names[0], s.workspaces)
}

func contextProblem(r Reference, known []string) string {
	if !r.hasIndex() && slices.Contains(known, strings.Join(r.Names, ".")) {
		return ""
	}
	return "no such variable here; there are: " + strings.Join(known, ", ")
}

// TaskContext lists the variables that a task finds under $(context.…).
func TaskContext() []string {
	return []string{"taskRun.name", "taskRun.namespace", "taskRun.uid", "task.name", "task.retry-count"}
}

// PipelineContext lists the variables that a pipeline finds under $(context.…).
func PipelineContext() []string {
	return []string{"pipelineRun.name", "pipelineRun.namespace", "pipelineRun.uid", "pipeline.name", "pipelineTask.retries"}
}

func unknown(noun, name string, known sets.Set[string]) string {
	if known.Has(name) {
		return ""
	}
	return fmt.Sprintf("no %s %q; there are: %s", noun, shown(name), listed(known))
}
