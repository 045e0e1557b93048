package substitute

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// addParams makes params known: the given ones as they are, since they are values and not texts of an author, and the
// others by their defaults.
func (v *Variables) addParams(declared []v1.ParamSpec, given []v1.Param) {
	v.params = make(map[string]v1.Value, len(given)+len(declared))
	v.given = make(map[string]bool, len(given))
	v.problems = map[string]string{}
	d := defaults{vars: v, open: map[string]*v1.ParamSpec{}, given: make(map[string]*v1.Value, len(given))}
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
}

func (d *defaults) settle(name string) {
	spec, ok := d.open[name]
	if !ok {
		return
	}
	delete(d.open, name)
	if d.under == nil {
		d.under = map[string]bool{}
	}
	d.under[name] = true
	defer delete(d.under, name)
	resolved, err := d.evaluate(spec)
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
	s := values{d.resolver, new(budget)}
	if spec.Default.Type == v1.TypeString {
		text, err := s.text(place{path: path}, spec.Default.String)
		return v1.StringValue(text), err
	}
	return s.value(path, *spec.Default)
}

func (d *defaults) resolver(at place) resolver {
	return func(r v1.Reference) (v1.Value, error) {
		if r.Root == v1.RootParams && !r.Malformed {
			name := r.Names[0]
			if d.under[name] {
				return v1.Value{}, &UnresolvedError{Field: at.String(), Variable: r.Text, Problem: "the default values refer to each other in a circle"}
			}
			d.settle(name)
		}
		return d.vars.resolver(at)(r)
	}
}

// problemOf says why a default value cannot be had, within a message that names the param.
func problemOf(err error) string {
	if u, ok := errors.AsType[*UnresolvedError](err); ok {
		return fmt.Sprintf("it has its default value, in which %s cannot be resolved: %s", u.Variable, u.Problem)
	}
	return err.Error()
}
