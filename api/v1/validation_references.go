package v1

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// scope is what the references in a task can refer to. An outer scope's params and workspaces are visible in a spec that
// is written out in a run or in a pipeline, unless the spec declares the same name itself.
type scope struct {
	// params by name; nil is one whose type is not known before the run.
	params map[string]*ParamSpec
	// results that the task declares.
	results sets.Set[string]
	// workspaces that are declared or bound.
	workspaces sets.Set[string]
}

func newScope() scope {
	return scope{params: map[string]*ParamSpec{}, results: sets.New[string](), workspaces: sets.New[string]()}
}

// inner returns a copy to which declarations can be added.
func (s scope) inner() scope {
	return scope{params: maps.Clone(s.params), results: sets.New[string](), workspaces: s.workspaces.Clone()}
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
	return in
}

// taskReferences is a TextVisitor that refuses references to what the scope does not have. It changes nothing.
type taskReferences struct {
	scope scope
	errs  field.ErrorList
}

func (t *taskReferences) VisitText(path *field.Path, _ TextKind, text *string) {
	for r := range References(*text) {
		const ownElement = false
		t.check(path, r, ownElement)
	}
}

func (t *taskReferences) VisitList(path *field.Path, list *[]string) {
	for i, text := range *list {
		ownElement := isolated(text)
		for r := range References(text) {
			t.check(path.Index(i), r, ownElement)
		}
	}
}

func (t *taskReferences) check(path *field.Path, r Reference, ownElement bool) {
	if problem := t.scope.taskProblem(r, ownElement); problem != "" {
		t.errs = append(t.errs, field.Invalid(path, shown(r.Text), problem))
	}
}

// taskProblem says what is wrong with a reference in a task, or returns "". A reference that is an element of its own in
// command or args may be a whole array.
func (s scope) taskProblem(r Reference, ownElement bool) string {
	if r.Malformed {
		return malformedReference
	}
	switch r.Root {
	case RootParams:
		return s.paramProblem(r, ownElement)
	case RootResults:
		if len(r.Names) != 2 || r.Names[1] != "path" || r.hasIndex() {
			return "a task refers to the file of a result as $(results.<name>.path)"
		}
		return unknown("result", r.Names[0], s.results)
	case RootWorkspaces:
		return s.workspaceProblem(r, "path", "bound", "claim", "volume")
	case RootContext:
		return contextProblem(r, TaskContext())
	default:
		return "other tasks can be referred to in the params of a pipeline's task, not within a task"
	}
}

const malformedReference = "not a variable: write $(params.<name>), $(params['<name>']), $(params.<array>[0]), $(params.<object>.<key>) or $(params.<array>[*])"

// hasIndex reports whether [*] or [number] ends the reference.
func (r Reference) hasIndex() bool { return r.Whole || r.Index >= 0 }

func (s scope) paramProblem(r Reference, ownElement bool) string {
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
	return useProblem(use{
		noun: "param", name: name, ref: r.Root + "." + name, keyed: len(r.Names) == 2, key: r.Names[len(r.Names)-1],
		whole: r.Whole, indexed: r.Index >= 0, ownElement: ownElement,
	}, spec.valueType(), spec.Properties)
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
	return []string{"pipelineRun.name", "pipelineRun.namespace", "pipelineRun.uid", "pipeline.name"}
}

func unknown(noun, name string, known sets.Set[string]) string {
	if known.Has(name) {
		return ""
	}
	return fmt.Sprintf("no %s %q; there are: %s", noun, shown(name), listed(known))
}
