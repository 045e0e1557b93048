package substitute

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// values substitutes in values, which keep their types: a string that is nothing but a reference to a whole array or
// object becomes that, and an element of an array that is nothing but a whole array becomes the elements of that.
type values struct {
	// resolver returns what references in a text of this place stand for.
	resolver func(at place) resolver
	budget   *budget
	// strict makes a whole array or object within a longer text an error. Otherwise its variable stays there.
	strict bool
	// within returns the places of the references that are still to be read in the value that a reference stands for. It may be nil.
	within func(r variables.Reference) places
	// left is called for each reference that a task is still to read, with the part of the value that it is in, and its place. It
	// may be nil.
	left func(part string, at int)
}

// Params returns a copy of params with their variables substituted, each with its type; see PipelineTask. The error is an
// *UnresolvedError or a *TooLongError.
func Params(path *field.Path, params []v1.Param, vars Variables) ([]v1.Param, error) {
	s := values{resolver: vars.resolver, budget: new(budget)}
	out := make([]v1.Param, len(params))
	for i := range params {
		value, err := s.value(path.Index(i).Child("value"), params[i].Value)
		if err != nil {
			return nil, err
		}
		out[i] = v1.Param{Name: params[i].Name, Value: value}
	}
	return out, nil
}

func (s values) value(path *field.Path, value v1.Value) (v1.Value, error) {
	switch value.Type {
	case v1.TypeArray:
		elements, err := s.array(path, value.Array)
		return v1.ArrayValue(elements...), err
	case v1.TypeObject:
		return s.object(path, value.Object)
	case v1.TypeString:
	}
	at := place{path: path}
	if r, ok := variables.Sole(value.String); ok {
		resolved, err := s.resolver(at)(r)
		if err == nil {
			s.keep(r, resolved, 0)
			return resolved, s.budget.spend(at, sizeOf(resolved))
		}
		if !errors.Is(err, errLeft) {
			return v1.Value{}, err
		}
	}
	text, err := s.text(at, "", value.String)
	return v1.StringValue(text), err
}

// text substitutes in a text that is this part of a value.
func (s values) text(at place, part, text string) (string, error) {
	resolve := s.resolver(at)
	if s.strict {
		resolve = onlyStrings(at, resolve)
	}
	return s.budget.read(at, text, variables.TextPlain, resolve, func(r variables.Reference, stays bool, begin int) {
		switch {
		case s.left == nil:
		case stays && readByTask(r):
			s.left(part, begin)
		case !stays && s.within != nil:
			for _, place := range s.within(r)[""] {
				s.left(part, begin+place)
			}
		}
	})
}

// onlyStrings makes a value that is not a string an error.
func onlyStrings(at place, resolve resolver) resolver {
	return func(r variables.Reference) (v1.Value, error) {
		value, err := resolve(r)
		if err == nil && value.Type != v1.TypeString {
			err = unresolved(at, r, fmt.Errorf("it is an %s, and a text needs a string", value.Type))
		}
		return value, err
	}
}

// keep records the references that are still to be read in a whole value that r stands for. The elements of an array become those
// behind the first before ones.
func (s values) keep(r variables.Reference, value v1.Value, before int) {
	if s.left == nil || s.within == nil {
		return
	}
	for part, found := range s.within(r) {
		if value.Type == v1.TypeArray {
			index, _ := strconv.Atoi(part) // the parts of an array are indices
			part = strconv.Itoa(before + index)
		}
		for _, place := range found {
			s.left(part, place)
		}
	}
}

func (s values) array(path *field.Path, elements []string) ([]string, error) {
	out := make([]string, 0, len(elements))
	for i, text := range elements {
		at := place{path, "[" + strconv.Itoa(i) + "]"}
		if r, ok := variables.Sole(text); ok {
			resolved, err := s.resolver(at)(r)
			if err != nil && !errors.Is(err, errLeft) {
				return nil, err
			}
			if err == nil && resolved.Type == v1.TypeArray {
				if err := s.budget.spend(at, sizeOf(resolved)); err != nil {
					return nil, err
				}
				s.keep(r, resolved, len(out))
				out = append(out, resolved.Array...)
				continue
			}
		}
		text, err := s.text(at, strconv.Itoa(len(out)), text)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func (s values) object(path *field.Path, object map[string]string) (v1.Value, error) {
	out := make(map[string]string, len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		text, err := s.text(place{path, "." + key}, key, object[key])
		if err != nil {
			return v1.Value{}, err
		}
		out[key] = text
	}
	return v1.ObjectValue(out), nil
}

// elementSize is what each element of an array, and each member of an object, counts beside its text, in bytes: what it
// takes in memory. Without it, an array of empty strings would cost nothing, however often it is repeated.
const elementSize = 16

func sizeOf(value v1.Value) int {
	size := 0
	for _, text := range value.Texts() {
		size += len(text) + elementSize
	}
	return size
}
