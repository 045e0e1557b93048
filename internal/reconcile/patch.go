package reconcile

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// StatusPatch returns the JSON patch from one status to another, which are structs of one type, and nil when they say the same.
// The patch carries the version of the object that the first was read with: of two writers, one gets a conflict.
//
// It is no merge patch, because the API server decodes and encodes the whole object to merge one. With 1.4 MB of results
// that was most of what a write took.
func StatusPatch[S any](version string, before, after *S) (client.Patch, error) {
	changes := changed(reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	if len(changes) == 0 {
		return nil, nil //nolint:nilnil // no patch is what is meant
	}
	if reflect.ValueOf(before).Elem().IsZero() { // the object has no status yet, and so no place for a field
		changes = []operation{{"add", "/status", after}}
	}
	data, err := json.Marshal(append([]operation{{"replace", "/metadata/resourceVersion", version}}, changes...))
	if err != nil {
		return nil, fmt.Errorf("cannot encode patch: %w", err)
	}
	return client.RawPatch(types.JSONPatchType, data), nil
}

// ReplaceStatus returns the JSON patch that puts a status in the place of the whole one that the object has, and drops its managed
// fields, so that the object becomes as small as its spec lets it. The API server lets the managed fields be reset by a
// list of one empty entry, also through the subresource of the status.
func ReplaceStatus[S any](version string, status *S) (client.Patch, error) {
	data, err := json.Marshal([]operation{
		{"replace", "/metadata/resourceVersion", version},
		{"add", "/metadata/managedFields", []struct{}{{}}},
		{"add", "/status", status},
	})
	if err != nil {
		return nil, fmt.Errorf("cannot encode patch: %w", err)
	}
	return client.RawPatch(types.JSONPatchType, data), nil
}

// changed returns what leads from one status to the other, field by field.
func changed(before, after reflect.Value) []operation {
	var operations []operation
	for i := range before.NumField() {
		old, current := before.Field(i), after.Field(i)
		if equality.Semantic.DeepEqual(old.Interface(), current.Interface()) {
			continue
		}
		name, _, _ := strings.Cut(before.Type().Field(i).Tag.Get("json"), ",")
		path := "/status/" + name
		if empty(current) {
			operations = append(operations, operation{Op: "remove", Path: path})
		} else {
			operations = append(operations, operation{"add", path, current.Interface()})
		}
	}
	return operations
}

// empty reports whether omitempty leaves a value out.
func empty(v reflect.Value) bool {
	if k := v.Kind(); k == reflect.Slice || k == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}
