package substitute

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Actions puts StepActions in the place of the steps of one task that refer to them. What comes of all of them together is
// bounded by MaxBytes.
type Actions struct {
	budget budget
}

// Step is like Step of Actions, for a step alone.
func Step(path *field.Path, step *v1.Step, action *v1beta1.StepActionSpec) (*v1.Step, error) {
	return new(Actions).Step(path, step, action)
}

// Step returns the plain step that a step with a reference stands for: what its StepAction says, with the params that the
// step gives put in. The variables of the task that stand in these params stay, to be substituted with those of all other
// steps; nothing of the task is visible to the StepAction in any other way.
//
// The error is an *UnresolvedError, a *TooLongError, or names the param that is missing or not of its type.
func (a *Actions) Step(path *field.Path, step *v1.Step, action *v1beta1.StepActionSpec) (*v1.Step, error) {
	spec := action.DeepCopy()
	validation.DefaultStepActionSpec(spec)
	if err := validation.StepActionSpec(spec, path.Child("ref")).ToAggregate(); err != nil {
		return nil, err
	}
	if err := checkActionParams(path.Child("params"), spec.Params, step.Params); err != nil {
		return nil, err
	}
	out := spec.Step()
	c := composition{scope: newActionScope(spec.Params, step.Params, &a.budget), budget: &a.budget}
	variables.VisitStepTexts(out, path, &c)
	if c.err != nil {
		return nil, c.err
	}
	plain := step.DeepCopy()
	plain.Ref, plain.Params = nil, nil
	plain.Image, plain.Command, plain.Args, plain.Script, plain.WorkingDir = out.Image, out.Command, out.Args, out.Script, out.WorkingDir
	plain.Env, plain.VolumeMounts, plain.Results = out.Env, out.VolumeMounts, out.Results
	if plain.SecurityContext == nil {
		plain.SecurityContext = out.SecurityContext
	}
	return plain, nil
}

// checkActionParams checks what a step gives to its StepAction. A string that is nothing but a reference may stand for a
// whole array or object, which is known later.
func checkActionParams(path *field.Path, declared []v1.ParamSpec, given []v1.Param) error {
	specs := make(map[string]*v1.ParamSpec, len(declared))
	for i := range declared {
		if _, twice := specs[declared[i].Name]; !twice {
			specs[declared[i].Name] = &declared[i]
		}
	}
	var errs field.ErrorList
	has := make(map[string]bool, len(given))
	for i := range given {
		if len(errs) >= validation.MaxErrors {
			return errs.ToAggregate()
		}
		at := path.Index(i)
		has[given[i].Name] = true
		spec, known := specs[given[i].Name]
		switch {
		case !known:
			errs = append(errs, field.Invalid(at.Child("name"), given[i].Name, "the StepAction has no such param"))
		case !deferred(*spec, given[i].Value):
			spec := *spec
			if variables.HasReference(given[i].Value.String) {
				spec.Enum = nil // it is not known yet what the value will be
			}
			errs = append(errs, validation.Params([]v1.ParamSpec{spec}, given[i:i+1], path)...)
		}
	}
	for i := range declared {
		if !has[declared[i].Name] && len(errs) < validation.MaxErrors {
			errs = append(errs, validation.Params(declared[i:i+1], nil, path)...)
		}
	}
	return errs.ToAggregate()
}

// deferred reports whether a value stands for an array or object that is not known yet.
func deferred(spec v1.ParamSpec, value v1.Value) bool {
	_, ok := variables.SoleIn(value)
	return ok && spec.Type != v1.TypeString
}

// actionScope is what a StepAction can refer to: its params, whose values are texts of the task.
type actionScope struct {
	specs map[string]v1.ParamSpec
	given map[string]v1.Value
	// values are those that have been asked for.
	values map[string]v1.Value
	// under are the params whose default is being looked at.
	under  map[string]bool
	budget *budget
}

func newActionScope(declared []v1.ParamSpec, given []v1.Param, budget *budget) *actionScope {
	s := &actionScope{
		budget: budget,
		specs:  map[string]v1.ParamSpec{},
		given:  map[string]v1.Value{},
		values: map[string]v1.Value{},
		under:  map[string]bool{},
	}
	for i := range declared {
		s.specs[declared[i].Name] = declared[i]
	}
	for i := range given {
		s.given[given[i].Name] = given[i].Value
	}
	return s
}

// value returns the value of a param: texts of the task, in which the task's variables may stand.
func (s *actionScope) value(name string) (v1.Value, string) {
	if value, ok := s.values[name]; ok {
		return value, ""
	}
	spec, ok := s.specs[name]
	if !ok {
		return v1.Value{}, fmt.Sprintf("the StepAction has no param %q", name)
	}
	value, given := s.given[name]
	if given && deferred(spec, value) {
		return value, ""
	}
	if spec.Default != nil && needsDefault(&value) {
		if s.under[name] {
			return v1.Value{}, "the default values refer to each other in a circle"
		}
		if len(s.under) >= maxDepth {
			return v1.Value{}, fmt.Sprintf("more than %d default values refer to each other in a chain", maxDepth)
		}
		s.under[name] = true
		defer delete(s.under, name)
		c := composition{scope: s, budget: s.budget}
		composed, err := c.inDefault(field.NewPath("params").Key(name).Child("default"), *spec.Default)
		if err != nil {
			return v1.Value{}, problemOf(err)
		}
		spec.Default = &composed
	}
	resolved, ok := spec.Resolve(&value)
	if !ok {
		return v1.Value{}, fmt.Sprintf("param %q has no value", name)
	}
	s.values[name] = resolved
	return resolved, ""
}

// resolve returns the part of a param's value that a reference of the StepAction names: texts of the task.
func (s *actionScope) resolve(r variables.Reference) (v1.Value, string) {
	if r.Malformed {
		return v1.Value{}, "it does not follow the syntax of variables"
	}
	name := r.Names[0]
	value, problem := s.value(name)
	if problem != "" {
		return v1.Value{}, problem
	}
	if deferred(s.specs[name], value) {
		return v1.StringValue(narrowed(value.String, r)), ""
	}
	p := part{noun: fmt.Sprintf("param %q", name), whole: r.Whole, index: r.Index}
	if len(r.Names) > 1 {
		p.key, p.keyed = strings.Join(r.Names[1:], "."), true
	}
	p.whole = p.whole || !p.keyed && p.index < 0 && value.Type != v1.TypeString
	return p.of(value)
}

// narrowed is the reference of a task to a whole array or object, narrowed to the part that a StepAction names.
func narrowed(whole string, r variables.Reference) string {
	if len(r.Names) == 1 && r.Index < 0 {
		return whole
	}
	base := strings.TrimSuffix(strings.TrimSuffix(whole, ")"), "[*]")
	if r.Index >= 0 {
		return base + "[" + strconv.Itoa(r.Index) + "])"
	}
	return base + "['" + strings.Join(r.Names[1:], ".") + "'])"
}

// composition is a variables.TextVisitor that puts texts of a task in the place of a StepAction's references to its params.
// Other references stay: they are the task's.
type composition struct {
	scope  *actionScope
	budget *budget
	err    error
}

// VisitText receives one text.
func (c *composition) VisitText(path *field.Path, kind variables.TextKind, text *string) {
	if c.err == nil {
		*text, c.err = c.text(place{path: path}, *text, kind)
	}
}

// VisitList receives a command or args.
func (c *composition) VisitList(path *field.Path, list *[]string) {
	if c.err == nil {
		*list, c.err = c.list(path, *list, variables.TextExpanded)
	}
}

func (c *composition) list(path *field.Path, list []string, kind variables.TextKind) ([]string, error) {
	out := make([]string, 0, len(list))
	for i, text := range list {
		at := place{path: path.Index(i)}
		if r, ok := variables.Sole(text); ok && r.Root == variables.RootParams {
			value, problem := c.scope.resolve(r)
			if problem != "" {
				return nil, &UnresolvedError{Field: at.String(), Variable: r.Text, Problem: problem}
			}
			if value.Type == v1.TypeArray {
				for _, element := range value.Array {
					put := taskText(element, kind)
					if err := c.budget.spend(at, len(put)+elementSize); err != nil {
						return nil, err
					}
					out = append(out, put)
				}
				continue
			}
		}
		composed, err := c.text(at, text, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, composed)
	}
	return out, nil
}

func (c *composition) inDefault(path *field.Path, value v1.Value) (v1.Value, error) {
	switch value.Type {
	case v1.TypeArray:
		elements, err := c.list(path, value.Array, variables.TextPlain)
		return v1.ArrayValue(elements...), err
	case v1.TypeObject:
		out := make(map[string]string, len(value.Object))
		for key, text := range value.Object {
			composed, err := c.text(place{path, "." + key}, text, variables.TextPlain)
			if err != nil {
				return v1.Value{}, err
			}
			out[key] = composed
		}
		return v1.ObjectValue(out), nil
	default:
		text, err := c.text(place{path: path}, value.String, variables.TextPlain)
		return v1.StringValue(text), err
	}
}

// text composes one text. The composed text must have exactly the references of its parts: a literal and a value together
// must not form another one, which no user has written.
func (c *composition) text(at place, text string, kind variables.TextKind) (string, error) {
	var out strings.Builder
	var want []string
	done := 0
	for r := range variables.References(text) {
		if r.Root != variables.RootParams || r.Malformed {
			want = append(want, r.Text)
			continue
		}
		value, problem := c.scope.resolve(r)
		if problem == "" && value.Type != v1.TypeString {
			problem = fmt.Sprintf("it is an %s, and a text needs a string", value.Type)
		}
		if problem != "" {
			return "", &UnresolvedError{Field: at.String(), Variable: r.Text, Problem: problem}
		}
		put := taskText(value.String, kind)
		if err := c.budget.spend(at, len(put)); err != nil {
			return "", err
		}
		p := piece{literal: text[done:r.Start]}
		p.write(&out, kind)
		out.WriteString(put)
		want = append(want, references(put)...)
		done = r.End
	}
	if done == 0 {
		return text, c.budget.spend(at, len(text))
	}
	out.WriteString(text[done:])
	composed := out.String()
	if got := references(composed); !slices.Equal(got, want) {
		return "", fmt.Errorf("cannot put params into %s: together they form a variable that neither has: want %q, got %q", at, want, got)
	}
	return composed, c.budget.spend(at, len(text))
}

// references returns the references of a text, as written.
func references(text string) []string {
	var all []string
	for r := range variables.References(text) {
		all = append(all, r.Text)
	}
	return all
}

// taskText is a text of the task as a value within a text of this kind: where the kubelet expands once more, everything but
// the task's variables is to arrive unchanged.
func taskText(text string, kind variables.TextKind) string {
	if kind != variables.TextExpanded || !strings.Contains(text, "$") {
		return text
	}
	var out strings.Builder
	done := 0
	for r := range variables.References(text) {
		escape(&out, text[done:r.Start])
		out.WriteString(r.Text)
		done = r.End
	}
	escape(&out, text[done:])
	return out.String()
}
