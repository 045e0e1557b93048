package substitute

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Unread says which references in the values of a TaskRun's params are still to be read: those that the author of the text wrote
// for the task, such as $(workspaces.data.path). What looks like a reference and is not among them is part of a value. Its zero
// value is that there are none.
type Unread struct {
	// All is true for a TaskRun that a user made: all of it is the user's text.
	All bool
	// Params are the places of such references, by the name of the param.
	Params map[string]places
}

// places are where references that are still to be read begin in a value, in bytes and in order, by the part of the value: the
// index of an element, the key of an object, or "" for a string.
type places map[string][]int

// Add adds the references that are still to be read in the value of a pipeline's param which the TaskRun gets under the same name.
// Of an object it does not add those of the keys in own, which have other values.
func (u *Unread) Add(vars *Variables, name string, own map[string]string) {
	added := places{}
	for part, found := range vars.left[name] {
		if _, ok := own[part]; !ok {
			added[part] = found
		}
	}
	if len(added) == 0 {
		return
	}
	maps.Copy(added, u.Params[name])
	if u.Params == nil {
		u.Params = map[string]places{}
	}
	u.Params[name] = added
}

// String returns the places as AnnotationUnread has them, and "" if there are none.
func (u *Unread) String() string {
	if len(u.Params) == 0 {
		return ""
	}
	encoded, err := json.Marshal(u.Params) // maps of texts and numbers can always be encoded
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// ParseUnread reads what String has written.
func ParseUnread(text string) (Unread, error) {
	var u Unread
	if text == "" {
		return u, nil
	}
	if err := json.Unmarshal([]byte(text), &u.Params); err != nil {
		return Unread{}, fmt.Errorf("it is not a JSON object of places by param and part: %w", err)
	}
	return u, nil
}

// of returns whether a reference that begins at a place in a part of a param is still to be read. References to params never
// are: what a param holds was read when its value was made.
func (u *Unread) of(param, part string, r variables.Reference) bool {
	if r.Malformed || !readByTask(r) {
		return false
	}
	if u.All {
		return true
	}
	_, found := slices.BinarySearch(u.Params[param][part], r.Start)
	return found
}

// none reports whether nothing of a param is to be read.
func (u *Unread) none(param string) bool { return !u.All && len(u.Params[param]) == 0 }

// readByTask reports whether a reference is to what a task itself has. Results of steps are not among it: which of them are known
// differs from step to step, and a param has one value for all steps.
func readByTask(r variables.Reference) bool {
	switch r.Root {
	case variables.RootStep:
		return r.ArtifactsPath() == "" // which documents of artifacts there are does not depend on params
	case variables.RootResults, variables.RootWorkspaces, variables.RootContext, variables.RootCredentials:
		return !r.IsPipelineContext()
	default:
		return false
	}
}

// within returns the places of the references that are still to be read in the value that a reference to a param stands for.
func (v *Variables) within(r variables.Reference) places {
	if r.Root != variables.RootParams || r.Malformed {
		return nil
	}
	name := v.Named(r)
	left := v.left[name]
	if _, above := v.above[name]; above || len(left) == 0 {
		return nil
	}
	part := v.part(name, r)
	if whole := v.params[name].Type == v1.TypeArray && r.Index < 0 || part == ""; whole {
		return left
	}
	return places{"": left[part]}
}

// reread replaces the references in a value that are still to be read, if the value is the one of a param to which r refers.
func (v *Variables) reread(at fmt.Stringer, r variables.Reference, value v1.Value,
	resolve func(variables.Reference) (v1.Value, error)) (v1.Value, error) {
	if r.Root != variables.RootParams || r.Malformed {
		return value, nil
	}
	name := v.Named(r)
	if _, above := v.above[name]; above || v.unread.none(name) || !v.given[name] {
		return value, nil
	}
	read := func(part, text string) (string, error) { return v.readPart(at, name, part, text, resolve) }
	switch value.Type {
	case v1.TypeArray:
		out := make([]string, len(value.Array))
		for i, text := range value.Array {
			var err error
			if out[i], err = read(strconv.Itoa(i), text); err != nil {
				return v1.Value{}, err
			}
		}
		return v1.ArrayValue(out...), nil
	case v1.TypeObject:
		out := make(map[string]string, len(value.Object))
		for key, text := range value.Object {
			var err error
			if out[key], err = read(key, text); err != nil {
				return v1.Value{}, err
			}
		}
		return v1.ObjectValue(out), nil
	case v1.TypeString:
	}
	text, err := read(v.part(name, r), value.String)
	return v1.StringValue(text), err
}

// part returns which part of the param of this name a reference to a string is to.
func (v *Variables) part(name string, r variables.Reference) string {
	switch v.params[name].Type {
	case v1.TypeArray:
		return strconv.Itoa(r.Index)
	case v1.TypeObject:
		return strings.Join(r.Names[1:], ".")
	default:
		return ""
	}
}

// readPart replaces the references in a part of a param that are still to be read. All that is read counts.
func (v *Variables) readPart(at fmt.Stringer, param, part, text string,
	resolve func(variables.Reference) (v1.Value, error)) (string, error) {
	if !v.unread.in(param, part, text) {
		return text, nil
	}
	out, err := v.reading.text(at, text, variables.TextPlain, func(r variables.Reference) (v1.Value, error) {
		if !v.unread.of(param, part, r) {
			return v1.Value{}, errLeft
		}
		value, err := resolve(r)
		if err != nil || value.Type != v1.TypeString {
			return v1.Value{}, errLeft
		}
		return value, nil
	})
	if err != nil {
		return "", err
	}
	return out, v.reading.spend(at, max(0, len(text)-len(out)))
}

// in reports whether a part of a param has references that are still to be read.
func (u *Unread) in(param, part, text string) bool {
	if !u.All {
		return len(u.Params[param][part]) > 0
	}
	for r := range variables.References(text) {
		if u.of(param, part, r) {
			return true
		}
	}
	return false
}
