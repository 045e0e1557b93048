package convert

import (
	"encoding/json"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// peers are the annotations in which Tekton keeps fields that v1 does not have, and the paths of the fields.
func peers() []peer {
	return []peer{
		{v1.AnnotationOlderResources, []string{fieldSpec, fieldResources}},
		{v1.AnnotationOlderCloudEvents, []string{fieldStatus, fieldCloudEvents}},
		{v1.AnnotationOlderResourcesResult, []string{fieldStatus, fieldResourcesResult}},
		{v1.AnnotationOlderResourcesStatus, []string{fieldStatus, fieldTaskSpec, fieldResources}},
		{v1.AnnotationOlderTaskRuns, []string{fieldStatus, fieldTaskRuns}},
		{v1.AnnotationOlderRuns, []string{fieldStatus, fieldRuns}},
	}
}

type peer struct {
	annotation string
	path       []string
}

// Annotations returns the keys of the annotations that a conversion to v1 can add.
func Annotations() []string { return v1.ConversionAnnotations() }

// keep writes a kept tree into the annotations of an object.
func keep(o, kept map[string]any) {
	if len(kept) == 0 {
		return
	}
	annotations := annotationsOf(o, true)
	if annotations == nil {
		return // its metadata is no object, so no API server has stored it
	}
	if before, _ := parse(annotations[v1.AnnotationOlder]).(map[string]any); before != nil {
		kept = merged(before, kept) // what had no place in v1beta1
	}
	for _, p := range peers() {
		if value, ok := cut(kept, p.path); ok {
			annotations[p.annotation] = text(value)
		}
	}
	if len(kept) > 0 {
		annotations[v1.AnnotationOlder] = text(kept)
	}
}

// keptIn returns the kept tree in the annotations of an object of v1, and the annotations that are in it.
func keptIn(o map[string]any) (kept map[string]any, keys []string) {
	annotations := annotationsOf(o, false)
	kept = map[string]any{}
	if tree, ok := parse(annotations[v1.AnnotationOlder]).(map[string]any); ok {
		kept, keys = tree, append(keys, v1.AnnotationOlder)
	}
	for _, p := range peers() {
		encoded, ok := annotations[p.annotation].(string)
		if !ok || !json.Valid([]byte(encoded)) {
			continue
		}
		if add(kept, p.path, parse(encoded)) {
			keys = append(keys, p.annotation)
		}
	}
	return kept, keys
}

// restore converts an object of v1 to v1beta1, with what its annotations keep. An annotation stays if the object has no place for what
// is in it, or if it is not what keep writes.
func restore(o map[string]any, r rule) {
	kept, keys := keptIn(o)
	r.down(o, kept)
	if len(keys) == 0 {
		return
	}
	annotations := annotationsOf(o, false)
	for _, p := range peers() {
		if _, left := cut(kept, p.path); !left && slices.Contains(keys, p.annotation) {
			delete(annotations, p.annotation)
		}
	}
	if slices.Contains(keys, v1.AnnotationOlder) {
		delete(annotations, v1.AnnotationOlder)
	}
	if len(kept) > 0 {
		annotations[v1.AnnotationOlder] = text(kept)
	}
	if metadata, _ := o[fieldMetadata].(map[string]any); len(annotations) == 0 {
		delete(metadata, fieldAnnotations)
		if len(metadata) == 0 {
			delete(o, fieldMetadata)
		}
	}
}

const fieldAnnotations = "annotations"

// annotationsOf returns the annotations of an object, or nil if it has none and create is false.
func annotationsOf(o map[string]any, create bool) map[string]any {
	metadata, isObject := o[fieldMetadata].(map[string]any)
	if _, exists := o[fieldMetadata]; create && !exists {
		metadata, isObject = map[string]any{}, true
		o[fieldMetadata] = metadata
	}
	annotations, _ := metadata[fieldAnnotations].(map[string]any)
	if create && isObject && annotations == nil {
		annotations = map[string]any{}
		metadata[fieldAnnotations] = annotations
	}
	return annotations
}

// cut removes a value from a tree, with the objects that it leaves empty.
func cut(tree map[string]any, path []string) (value any, ok bool) {
	field, more := path[0], path[1:]
	if len(more) == 0 {
		value, ok = tree[field]
		delete(tree, field)
		return value, ok
	}
	inner, isObject := tree[field].(map[string]any)
	if !isObject {
		return nil, false
	}
	value, ok = cut(inner, more)
	if ok && len(inner) == 0 {
		delete(tree, field)
	}
	return value, ok
}

// add puts a value into a tree. It reports false, and changes nothing, if there is another value in its place.
func add(tree map[string]any, path []string, value any) bool {
	field, more := path[0], path[1:]
	there, exists := tree[field]
	if len(more) == 0 {
		if !exists {
			tree[field] = value
		}
		return !exists
	}
	inner, isObject := there.(map[string]any)
	if exists && !isObject {
		return false
	}
	if !exists {
		inner = map[string]any{}
		tree[field] = inner
	}
	return add(inner, more, value)
}

// merged adds the values of a second tree to those of a first one, which it replaces where both have one.
func merged(first, second map[string]any) map[string]any {
	for field, value := range second {
		before, isTree := first[field].(map[string]any)
		after, bothAre := value.(map[string]any)
		if _, isLeaf := leaf(field); isTree && bothAre && !isLeaf {
			value = merged(before, after)
		}
		first[field] = value
	}
	return first
}

// parse decodes an annotation. It returns nil for a value that is not JSON.
func parse(annotation any) any {
	encoded, _ := annotation.(string)
	var value any
	if decodeInto([]byte(encoded), &value) != nil {
		return nil
	}
	return value
}

// text encodes what was decoded from JSON, which cannot fail.
func text(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return "null"
	}
	return string(encoded)
}
