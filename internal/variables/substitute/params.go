package substitute

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// addParams makes params known: the given ones as they are, since they are values and not texts of an author, and the
// others by their defaults.
func (v *Variables) addParams(declared []v1.ParamSpec, given []v1.Param) {
	v.params = make(map[string]v1.Value, len(given)+len(declared))
	v.given = make(map[string]bool, len(given))
	v.problems = map[string]string{}
	d := defaults{
		vars: v, open: map[string]*v1.ParamSpec{}, given: make(map[string]*v1.Value, len(given)),
		under: map[string]bool{}, depth: map[string]int{}, budget: new(budget),
	}
	for i := range given {
		v.given[given[i].Name] = true
		d.given[given[i].Name] = &given[i].Value
		v.params[given[i].Name] = given[i].Value
	}
	for i := range declared {
		if declared[i].Default != nil && needsDefault(d.given[declared[i].Name]) {
			d.open[declared[i].Name] = &declared[i]
		}
	}
	for i := range declared {
		d.settle(declared[i].Name)
	}
}

// needsDefault reports whether the default value counts for a param: an object fills in what is not given.
func needsDefault(given *v1.Value) bool {
	return given == nil || given.Type == "" || given.Type == v1.TypeObject
}

// defaults resolves default values, in which other params may stand, each once.
type defaults struct {
	vars  *Variables
	given map[string]*v1.Value
	// open are the params whose default has not been looked at.
	open map[string]*v1.ParamSpec
	// under are those that are being looked at: one that is met again refers to itself.
	under map[string]bool
	// depth is how many defaults stand within each other in one that was looked at.
	depth map[string]int
	// budget of all defaults together: a large param can stand in each of thousands.
	budget *budget
}

// maxDepth is how many defaults may refer to each other in a chain. Each takes room on the stack.
const maxDepth = 100

func (d *defaults) settle(name string) {
	spec, ok := d.open[name]
	if !ok {
		return
	}
	delete(d.open, name)
	if len(d.under) >= maxDepth {
		d.vars.problems[name] = fmt.Sprintf("more than %d default values refer to each other in a chain", maxDepth)
		return
	}
	d.under[name] = true
	defer delete(d.under, name)
	resolved, err := d.evaluate(spec)
	if err == nil && d.depth[name] >= maxDepth {
		err = &UnresolvedError{
			Variable: "$(params." + name + ")",
			Problem:  fmt.Sprintf("more than %d default values refer to each other in a chain", maxDepth),
		}
	}
	if err != nil {
		d.vars.problems[name] = problemOf(err)
		return
	}
	own := *spec
	own.Default = &resolved
	if value, ok := own.Resolve(d.given[name]); ok {
		d.vars.params[name] = value
	}
}

// evaluate returns the default value with other variables in it resolved. It keeps the type: a string is never an array
// because it refers to one.
func (d *defaults) evaluate(spec *v1.ParamSpec) (v1.Value, error) {
	path := field.NewPath("params").Key(spec.Name).Child("default")
	s := values{resolver: d.resolverOf(spec.Name), budget: d.budget, within: d.vars.within, left: d.recorder(spec.Name)}
	if spec.Default.Type == v1.TypeString {
		text, err := s.text(place{path: path}, "", spec.Default.String)
		return v1.StringValue(text), err
	}
	return s.value(path, *spec.Default)
}

// recorder returns what records the references in the default of a pipeline's param that a task is still to read.
func (d *defaults) recorder(param string) func(part string, at int) {
	left := d.vars.left
	if left == nil {
		return nil
	}
	own := d.given[param]
	return func(part string, at int) {
		if own != nil {
			if _, given := own.Object[part]; given {
				return
			}
		}
		if left[param] == nil {
			left[param] = places{}
		}
		left[param][part] = append(left[param][part], at)
	}
}

// resolverOf returns what resolves the references in the default of a param.
func (d *defaults) resolverOf(param string) func(at place) resolver {
	return func(at place) resolver { return d.resolver(param, at) }
}

func (d *defaults) resolver(param string, at place) resolver {
	return func(r variables.Reference) (v1.Value, error) {
		if r.Root == variables.RootParams && !r.Malformed {
			name := d.named(r)
			if d.under[name] {
				return v1.Value{}, &UnresolvedError{Field: at.String(), Variable: r.Text, Problem: "the default values refer to each other in a circle"}
			}
			d.settle(name)
			d.depth[param] = max(d.depth[param], d.depth[name]+1)
		}
		return d.vars.resolver(at)(r)
	}
}

// named returns the name of the param that a reference in a default is to; see Variables.Named.
func (d *defaults) named(r variables.Reference) string {
	first := r.Names[0]
	if _, open := d.open[first]; open || d.under[first] {
		return first
	}
	if dotted := strings.Join(r.Names, "."); !d.vars.has(first) && (d.open[dotted] != nil || d.under[dotted]) {
		return dotted
	}
	return d.vars.Named(r)
}

// maxProblem is how much of a problem a message repeats, in bytes, from its beginning and as much from its end: within it
// stands that of the param which it refers to, and so on.
const maxProblem = 160

// problemOf returns why a default value is unavailable, for a message that names the param.
func problemOf(err error) string {
	text := err.Error()
	if u, ok := errors.AsType[*UnresolvedError](err); ok {
		text = fmt.Sprintf("it has its default value, in which %s cannot be resolved: %s", u.Variable, u.Problem)
	}
	if len(text) > 2*maxProblem {
		text = strings.ToValidUTF8(text[:maxProblem], "") + " … " + strings.ToValidUTF8(text[len(text)-maxProblem:], "")
	}
	return text
}
