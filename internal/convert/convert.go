// Package convert converts Tasks and Pipelines of tekton.dev/v1beta1 to tekton.dev/v1. It works on the JSON of an object, and
// knows only the fields that differ: all other fields stay as they are, so that the rules of v1 find what is wrong with them.
package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// V1beta1 is the apiVersion of objects that ToV1 converts.
const V1beta1 = v1.GroupName + "/v1beta1"

// maxPath is the maximum length in bytes of the path of a field in an error.
const maxPath = 256

// Converts reports whether ToV1 converts objects of this apiVersion and kind.
func Converts(apiVersion, kind string) bool {
	return apiVersion == V1beta1 && (kind == v1.KindTask || kind == v1.KindPipeline)
}

// FieldError is the error for a field of v1beta1 that has no equivalent in v1.
type FieldError struct {
	// elements are the elements of the path, the last one first.
	elements []string
	// advice says what to write instead.
	advice string
}

// Error returns the path of the field, and what to write instead.
func (e *FieldError) Error() string {
	path := &strings.Builder{}
	for i := len(e.elements) - 1; i >= 0 && path.Len() < maxPath; i-- {
		if path.Len() > 0 && !strings.HasPrefix(e.elements[i], "[") {
			path.WriteByte('.')
		}
		path.WriteString(e.elements[i])
	}
	return truncate.Text(path.String(), maxPath) + ": " + e.advice
}

// ToV1 converts the JSON of a Task or a Pipeline of v1beta1. Numbers keep all their digits. The error is a *FieldError for a
// field that v1 does not have any more.
func ToV1(raw []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var o map[string]any
	if err := decoder.Decode(&o); err != nil {
		return nil, fmt.Errorf("it is not an object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it has text after the object")
	}
	apiVersion, _ := o["apiVersion"].(string)
	kind, _ := o["kind"].(string)
	if !Converts(apiVersion, kind) {
		return nil, fmt.Errorf("cannot convert kind %s of apiVersion %s: want a Task or a Pipeline of %s",
			quoted(kind), quoted(apiVersion), V1beta1)
	}
	spec := taskSpec
	if kind == v1.KindPipeline {
		spec = pipelineSpec
	}
	if err := inside(o, "spec", spec); err != nil {
		return nil, err
	}
	o["apiVersion"] = v1.GroupVersion.String()
	converted, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the converted object: %w", err)
	}
	return converted, nil
}

func quoted(text string) string { return strconv.Quote(truncate.Text(text, maxPath)) }

// change changes an object from v1beta1 to v1. It returns nil or a *FieldError: a plain error would have to be unwrapped at
// each level.
type change func(o map[string]any) *FieldError

// inside applies a change to the object in a field. A value of another type stays: the rules of v1 refuse it.
func inside(o map[string]any, field string, apply change) error {
	if failed := in(o, field, apply); failed != nil {
		return failed
	}
	return nil
}

func in(o map[string]any, field string, apply change) *FieldError {
	inner, ok := o[field].(map[string]any)
	if !ok {
		return nil
	}
	if failed := apply(inner); failed != nil {
		failed.elements = append(failed.elements, field)
		return failed
	}
	return nil
}

// each applies a change to all objects of a list.
func each(o map[string]any, field string, apply change) *FieldError {
	list, _ := o[field].([]any)
	for i, one := range list {
		inner, ok := one.(map[string]any)
		if !ok {
			continue
		}
		if failed := apply(inner); failed != nil {
			failed.elements = append(failed.elements, "["+strconv.Itoa(i)+"]", field)
			return failed
		}
	}
	return nil
}

// first returns the first error of several changes.
func first(results ...*FieldError) *FieldError {
	for _, failed := range results {
		if failed != nil {
			return failed
		}
	}
	return nil
}

// refuse returns an error if the object has a field.
func refuse(o map[string]any, field, advice string) *FieldError {
	if _, ok := o[field]; !ok {
		return nil
	}
	return &FieldError{elements: []string{field}, advice: advice}
}
