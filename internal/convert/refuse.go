package convert

import (
	"maps"
	"slices"
	"strconv"

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
	path string
	// Advice says what to write instead.
	Advice string
}

// Error returns the path of the field, and what to write instead.
func (e *FieldError) Error() string { return e.path + ": " + e.Advice }

// Path returns the path of the field in the object of v1beta1, such as spec.tasks[0].resources. It is cut after 256 bytes.
func (e *FieldError) Path() string { return e.path }

// Refused returns an error for each field of v1beta1 that a new object must not have, at most limit, in the order of the paths. o is
// the decoded JSON of an object of v1 that was converted from v1beta1. An object that is stored can have such a field.
func Refused(o map[string]any, limit int) []*FieldError {
	annotations := map[string]string{}
	for key, value := range annotationsOf(o, false) {
		annotations[key], _ = value.(string)
	}
	return RefusedBy(annotations, limit)
}

// RefusedBy is Refused for an object with these annotations.
func RefusedBy(annotations map[string]string, limit int) []*FieldError {
	kept := map[string]any{}
	if encoded := annotations[v1.AnnotationOlder]; len(encoded) <= maxAnnotation {
		kept, _ = parse(encoded).(map[string]any)
	}
	if kept == nil {
		kept = map[string]any{}
	}
	for _, p := range peers() {
		if _, has := annotations[p.annotation]; has {
			add(kept, p.path, nil)
		}
	}
	return refusedIn(kept, limit)
}

// maxAnnotation is the size in bytes of an annotation that the API server refuses.
const maxAnnotation = 256 << 10

// refusedIn returns the errors for what v1 does not have, in the order of the paths.
func refusedIn(kept map[string]any, limit int) []*FieldError {
	var refused []*FieldError
	var visit func(kept map[string]any, path string)
	visit = func(kept map[string]any, path string) {
		for _, name := range slices.Sorted(maps.Keys(kept)) {
			if len(refused) == limit {
				return
			}
			if advice, isLeaf := leaf(name); isLeaf {
				if advice != "" {
					refused = append(refused, &FieldError{path: truncate.Text(joined(path, name), maxPath), Advice: advice})
				}
				continue
			}
			if inner, ok := kept[name].(map[string]any); ok {
				visit(inner, joined(path, name))
			}
		}
	}
	if spec, ok := kept[fieldSpec].(map[string]any); ok { // the author of an object does not write its status
		visit(spec, fieldSpec)
	}
	return refused
}

// joined adds a key of a kept tree to a path. A path that will be cut does not grow, so that paths are not longer than what has them.
func joined(path, name string) string {
	switch _, err := strconv.Atoi(name); {
	case len(path) > maxPath:
		return path
	case err == nil:
		return path + "[" + name + "]"
	default:
		return path + "." + name
	}
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
