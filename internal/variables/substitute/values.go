package substitute

import (
	"errors"
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
	// left is called for each reference that stays as text, with the part of the value that the text is, and the place in it. It
	// may be nil.
	left func(r variables.Reference, part string, at int)
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
	return s.budget.read(at, text, variables.TextPlain, s.resolver(at), func(r variables.Reference, at int) {
		if s.left != nil {
			s.left(r, part, at)
		}
	})
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
