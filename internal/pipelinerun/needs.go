package pipelinerun

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// uses is the needed parts of one result. The zero value means only its length.
type uses struct {
	// whole reports that all of it is needed.
	whole bool
	// The needed elements of an array, and keys of an object.
	elements map[int]bool
	keys     map[string]bool
}

// add adds a use.
func (u *uses) add(ref variables.ResultRef) {
	switch {
	case ref.Index >= 0:
		if u.elements == nil {
			u.elements = map[int]bool{}
		}
		u.elements[ref.Index] = true
	case ref.Key != "":
		if u.keys == nil {
			u.keys = map[string]bool{}
		}
		u.keys[ref.Key] = true
	default:
		u.whole = true
	}
}

// merge adds the uses of another.
func (u *uses) merge(other *uses) {
	u.whole = u.whole || other.whole
	for i := range other.elements {
		u.add(variables.ResultRef{Index: i})
	}
	for key := range other.keys {
		u.add(variables.ResultRef{Index: -1, Key: key})
	}
}

// covers reports whether the kept parts for u are enough for another, which may be nil.
func (u *uses) covers(other *uses) bool {
	if u == nil {
		return false
	}
	if u.whole {
		return true
	}
	for i := range other.elements {
		if !u.elements[i] {
			return false
		}
	}
	for key := range other.keys {
		if !u.keys[key] {
			return false
		}
	}
	return !other.whole
}

// of returns the needed parts of a value. Each other part becomes an empty text, so that the length, the keys and the type do
// not change.
func (u *uses) of(value v1.Value) v1.Value {
	if u.whole {
		return value
	}
	switch value.Type {
	case v1.TypeArray:
		kept := v1.ArrayValue(make([]string, len(value.Array))...)
		for i := range u.elements {
			if i < len(value.Array) {
				kept.Array[i] = value.Array[i]
			}
		}
		return kept
	case v1.TypeObject:
		kept := v1.ObjectValue(make(map[string]string, len(value.Object)))
		for key, text := range value.Object {
			if !u.keys[key] {
				text = ""
			}
			kept.Object[key] = text
		}
		return kept
	default:
		return v1.StringValue("")
	}
}

// bytes returns the number of needed bytes of text in a value.
func (u *uses) bytes(value v1.Value) int {
	if u.whole {
		return sizeOf(value)
	}
	n := 0
	for i := range u.elements {
		if i < len(value.Array) {
			n += len(value.Array[i])
		}
	}
	for key := range u.keys {
		n += len(value.Object[key])
	}
	return n
}

// needs are the needed parts of results by the names of their tasks. For a task without results, only the size of the matrix
// is needed. It is a variables.ValueVisitor that collects references, and changes nothing.
type needs map[string]map[string]*uses

// neededBy returns what a task needs, except for its when expressions.
func neededBy(task *v1.PipelineTask) needs {
	unguarded := *task
	unguarded.When = nil
	n := needs{}
	variables.VisitPipelineTaskValues(&unguarded, nil, n)
	for _, r := range variables.EmbeddedReferences(task) {
		n.reference(r)
	}
	return n
}

// neededByGuard returns what the when expressions of a task need.
func neededByGuard(task *v1.PipelineTask) needs {
	n := needs{}
	variables.VisitPipelineTaskValues(&v1.PipelineTask{When: task.When}, nil, n)
	return n
}

// neededByResults returns what the results of the pipeline need.
func neededByResults(spec *v1.PipelineSpec) needs {
	n := needs{}
	for i := range spec.Results {
		n.VisitValue(nil, &spec.Results[i].Value)
	}
	return n
}

// tasks returns the names of the tasks, sorted.
func (n needs) tasks() []string { return slices.Sorted(maps.Keys(n)) }

// VisitText collects the references of one text.
func (n needs) VisitText(_ *field.Path, text *string) { n.note(*text) }

// VisitElements collects the references of each text of a list.
func (n needs) VisitElements(_ *field.Path, list *[]string) {
	for _, text := range *list {
		n.note(text)
	}
}

// VisitValue collects the references of each text of a value.
func (n needs) VisitValue(_ *field.Path, value *v1.Value) {
	for _, text := range value.Texts() {
		n.note(text)
	}
}

func (n needs) note(text string) {
	for r := range variables.References(text) {
		n.reference(r)
	}
}

// reference adds a reference.
func (n needs) reference(r variables.Reference) {
	if ref, ok := r.ResultRef(); ok {
		n.result(ref.Task, ref.Result).add(ref)
	} else if task, result, ok := r.MatrixLength(); ok {
		n.result(task, result)
	}
}

// result returns the uses of a result, to which more can be added. Without a result, it adds only the task.
func (n needs) result(task, result string) *uses {
	if n[task] == nil {
		n[task] = map[string]*uses{}
	}
	if result == "" {
		return nil
	}
	if n[task][result] == nil {
		n[task][result] = &uses{}
	}
	return n[task][result]
}
