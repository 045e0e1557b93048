package validation

import (
	"fmt"
	"maps"
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
	// volumes that the run brings along, and whether no others can be there: a Task by itself may mount a volume that the
	// pod template of a run has.
	volumes       []corev1.Volume
	volumesClosed bool
	// steps of the task, and the index of the one that refers; −1 where it is not a step.
	steps *stepIndex
	step  int
	// runtime is true where results of earlier steps can be used: the text is needed only when the step starts.
	runtime bool
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
	in.steps = newStepIndex(s.Steps)
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
		fixed.scope.step = i
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
		if problem := t.scope.taskProblem(r, place); problem != "" {
			t.scope.Add(invalidText(path, where, r.Text, problem))
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

// taskProblem says what is wrong with a reference in a task, or returns "".
func (s scope) taskProblem(r variables.Reference, place use) string {
	if r.Malformed {
		return malformedReference
	}
	switch r.Root {
	case variables.RootParams:
		return s.paramProblem(r, place)
	case variables.RootResults:
		if len(r.Names) != 2 || r.Names[1] != attributePath || r.HasIndex() {
			return "a task refers to the file of a result as $(results.<name>.path)"
		}
		if s.results == nil {
			return "" // a StepAction writes results of a task that is not known here
		}
		return s.results.unknown("result", r.Names[0])
	case variables.RootWorkspaces:
		return s.workspaceProblem(r, attributePath, "bound", "claim", "volume")
	case variables.RootContext:
		return contextProblem(r, variables.TaskContext())
	case variables.RootSteps:
		return s.stepsProblem(r, place)
	case variables.RootStep:
		return s.ownStepProblem(r)
	case variables.RootCredentials:
		if len(r.Names) == 1 && r.Names[0] == attributePath && !r.HasIndex() {
			return ""
		}
		return "there is only $(credentials.path)"
	case variables.RootArtifacts:
		return "artifacts are " + notSupported
	default:
		return "other tasks can be referred to in the params of a pipeline's task, not within a task"
	}
}

// attributePath is the word behind results, workspaces and the like that stands for a file or a folder.
const attributePath = "path"

const malformedReference = "not a variable: write $(params.<name>), $(params['<name>']), $(params.<array>[0]), " +
	"$(params.<object>.<key>) or $(params.<array>[*])"

func (s scope) paramProblem(r variables.Reference, place use) string {
	name := r.Names[0]
	spec, ok := s.params.get(name)
	if !ok {
		return s.params.unknown("param", name)
	}
	if len(r.Names) > 2 || len(r.Names) == 2 && r.HasIndex() {
		return malformedReference
	}
	if spec == nil {
		return ""
	}
	place.noun, place.name, place.ref = "param", name, r.Root+"."+name
	place.keyed, place.key = len(r.Names) == 2, r.Names[len(r.Names)-1]
	place.whole, place.indexed = r.Whole, r.Index >= 0
	return useProblem(place, spec.ValueType(), spec.Properties)
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
func useProblem(u use, t v1.ValueType, properties map[string]v1.PropertySpec) string {
	u.name, u.ref = shown(u.name), shown(u.ref)
	bare := !u.keyed && !u.whole && !u.indexed
	wholly := u.whole || bare && !u.strict
	switch t {
	case v1.TypeArray:
		if u.indexed || wholly && u.ownElement {
			return ""
		}
		return fmt.Sprintf("%s %q is an array: use one element, as in $(%s[0]), or all of it with $(%s[*]) as an element of its own",
			u.noun, u.name, u.ref, u.ref)
	case v1.TypeObject:
		if wholly && u.ownObject {
			return ""
		}
		if !u.keyed {
			return fmt.Sprintf("%s %q is an object: use one of its keys, as in $(%s.<key>)", u.noun, u.name, u.ref)
		}
		if _, ok := properties[u.key]; !ok && len(properties) > 0 {
			keys := listOf(maps.Keys(properties))
			return keys.unknown("key of "+u.noun+" "+u.name, u.key)
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
