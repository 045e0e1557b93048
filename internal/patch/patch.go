// Package patch makes the patch that changes the status of an object, field by field. Comparing two whole objects as JSON,
// with a megabyte of results or a thousand tasks in them, would take longer than everything else in a pass.
package patch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Status returns the JSON merge patch from one status to another, which are structs of one type, and nil when they say the
// same. The patch carries the version of the object that the first was read with: of two writers, one gets a conflict.
func Status[S any](version string, before, after *S) (client.Patch, error) {
	fields, err := changed(reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	if err != nil || len(fields) == 0 {
		return nil, err
	}
	data, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": version},
		"status":   fields,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot encode patch: %w", err)
	}
	return client.RawPatch(types.MergePatchType, data), nil
}

// changed returns the fields that differ, by their names in JSON, as they stand in a merge patch.
func changed(before, after reflect.Value) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	for i := range before.NumField() {
		old, current := before.Field(i), after.Field(i)
		if equality.Semantic.DeepEqual(old.Interface(), current.Interface()) {
			continue
		}
		name, _, _ := strings.Cut(before.Type().Field(i).Tag.Get("json"), ",")
		value, err := valueOf(old, current)
		if err != nil {
			return nil, fmt.Errorf("cannot encode status.%s: %w", name, err)
		}
		fields[name] = value
	}
	return fields, nil
}

// valueOf is what a merge patch says of one field: null where it goes, what is new of an object, and else the whole.
func valueOf(before, after reflect.Value) (json.RawMessage, error) {
	if empty(after) {
		return json.RawMessage("null"), nil
	}
	current, err := json.Marshal(after.Interface())
	if err != nil || empty(before) || current[0] != '{' {
		return current, err
	}
	// Objects are merged, key by key, so that a key which is to go has to be named.
	old, err := json.Marshal(before.Interface())
	if err != nil {
		return nil, err
	}
	return jsonpatch.CreateMergePatch(old, current)
}

// empty reports whether omitempty leaves a value out.
func empty(v reflect.Value) bool {
	if k := v.Kind(); k == reflect.Slice || k == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}
