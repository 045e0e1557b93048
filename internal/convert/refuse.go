package convert

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// maxPath is the maximum length in bytes of the path of a field in an error.
const maxPath = 256

// What to write in place of fields that v1 does not have.
const (
	adviceResources = "PipelineResources do not exist any more; use params and workspaces, and a Task such as git-clone for the files"
	adviceBundle    = "it was replaced by the resolver bundles; write resolver: bundles with the params bundle, name and kind"
	adviceCompute   = "v1beta1 has this field under the name resources; rename it, or write apiVersion: tekton.dev/v1"
	adviceTimeout   = "timeouts is set too, and only one of them can be; remove timeout, and write timeouts.pipeline"
)

// FieldError is the error for a field of v1beta1 that has no equivalent in v1.
type FieldError struct {
	// elements are the elements of the path, the first one first.
	elements []string
	// Value is the value of the field, as decoded from JSON.
	Value any
	// Advice says what to write instead.
	Advice string
}

// Error returns the path of the field, and what to write instead.
func (e *FieldError) Error() string { return e.Path() + ": " + e.Advice }

// Path returns the path of the field in the object of v1beta1, such as spec.tasks[0].resources. It is cut after 256 bytes.
func (e *FieldError) Path() string {
	path := &strings.Builder{}
	for _, element := range e.elements {
		if path.Len() >= maxPath {
			break
		}
		if path.Len() > 0 && !strings.HasPrefix(element, "[") {
			path.WriteByte('.')
		}
		path.WriteString(element)
	}
	return truncate.Text(path.String(), maxPath)
}

// Refused returns an error for each field of v1beta1 that a new object must not have, at most limit. o is the decoded JSON of an
// object of v1 that was converted from v1beta1. An object that is stored can have such a field.
func Refused(o map[string]any, limit int) []*FieldError {
	if textOf(o, fieldAPIVersion) != v1.GroupVersion.String() {
		return nil
	}
	kept, _ := keptIn(o)
	return refusedIn(kept, limit)
}

// refusedIn returns the errors for what v1 does not have, in the order of the paths.
func refusedIn(kept map[string]any, limit int) []*FieldError {
	var refused []*FieldError
	var visit func(kept map[string]any, path []string)
	visit = func(kept map[string]any, path []string) {
		for _, name := range slices.Sorted(maps.Keys(kept)) {
			if len(refused) == limit {
				return
			}
			if advice, isLeaf := leaf(name); isLeaf {
				if advice != "" {
					refused = append(refused, &FieldError{elements: append(slices.Clone(path), name), Value: kept[name], Advice: advice})
				}
				continue
			}
			if inner, ok := kept[name].(map[string]any); ok {
				visit(inner, append(path, element(name)))
			}
		}
	}
	visit(kept, nil)
	return refused
}

// element returns the element of a path for a key of a kept tree.
func element(name string) string {
	if _, err := strconv.Atoi(name); err == nil {
		return "[" + name + "]"
	}
	return name
}

// leaf reports whether a key of a kept tree has the value of a field, and returns what to write instead of that field; "" if an
// object may have it.
func leaf(name string) (advice string, is bool) {
	switch name {
	case fieldResources:
		return adviceResources, true
	case fieldBundle:
		return adviceBundle, true
	case fieldComputeResources:
		return adviceCompute, true
	case fieldTimeout:
		return adviceTimeout, true
	default:
		return "", slices.Contains(leaves(), name)
	}
}
