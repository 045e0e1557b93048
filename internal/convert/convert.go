// Package convert converts objects of tekton.dev between the versions in which they are served: Tasks, TaskRuns, Pipelines and
// PipelineRuns between v1beta1 and v1, and StepActions between v1alpha1 and v1beta1. It works on the JSON of an object, and knows
// only the fields that differ: all other fields stay as they are, so that no version loses a field that this package does not know.
//
// A field of v1beta1 that v1 does not have is kept in an annotation of the object in v1, and is in its place again in v1beta1. The
// time and the memory of a conversion are linear in the size of the object.
package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// The apiVersions of objects that this package converts from and to, besides that of v1.
const (
	V1beta1  = v1.GroupName + "/v1beta1"
	V1alpha1 = v1.GroupName + "/v1alpha1"
)

// kindStepAction is the only kind whose two versions have the same fields.
const kindStepAction = "StepAction"

const (
	fieldAPIVersion = "apiVersion"
	fieldKind       = "kind"
	fieldMetadata   = "metadata"
	fieldSpec       = "spec"
	fieldStatus     = "status"
)

// Versions returns the apiVersions in which objects of a kind are served, the stored one last; nil for a kind that has only one.
func Versions(kind string) []string {
	switch kind {
	case v1.KindTask, v1.KindTaskRun, v1.KindPipeline, v1.KindPipelineRun:
		return []string{V1beta1, v1.GroupVersion.String()}
	case kindStepAction:
		return []string{V1alpha1, V1beta1}
	default:
		return nil
	}
}

// Converts reports whether ToV1 converts objects of this apiVersion and kind.
func Converts(apiVersion, kind string) bool {
	return apiVersion == V1beta1 && (kind == v1.KindTask || kind == v1.KindPipeline)
}

// Object converts the JSON of an object to another apiVersion. Numbers keep all their digits. The error is that of text which is not
// such an object: no field of an object makes it fail, so that an object that is stored can always be read.
func Object(raw []byte, apiVersion string) ([]byte, error) {
	o, err := decode(raw)
	if err != nil {
		return nil, err
	}
	if err := Convert(o, apiVersion); err != nil {
		return nil, err
	}
	return encode(o)
}

// Convert is Object for the decoded JSON of an object, which it changes. The numbers in it can be json.Number or of any other type.
func Convert(o map[string]any, apiVersion string) error {
	from, kind := textOf(o, fieldAPIVersion), textOf(o, fieldKind)
	versions := Versions(kind)
	if !slices.Contains(versions, from) || !slices.Contains(versions, apiVersion) {
		return fmt.Errorf("cannot convert kind %s from apiVersion %s to %s: want a Task, TaskRun, Pipeline or PipelineRun of %s or %s, "+
			"or a StepAction of %s or %s", quoted(kind), quoted(from), quoted(apiVersion), V1beta1, v1.GroupVersion, V1alpha1, V1beta1)
	}
	o[fieldAPIVersion] = apiVersion
	switch {
	case from == apiVersion || kind == kindStepAction:
	case from == V1beta1:
		keep(o, ruleOf(kind).up(o))
	default:
		restore(o, ruleOf(kind))
	}
	return nil
}

// ToV1 converts the JSON of a Task or a Pipeline of v1beta1 whose author can still change it. It leaves out fields that never had an
// effect. The error is a *FieldError for a field that v1 does not have any more.
func ToV1(raw []byte) ([]byte, error) {
	o, err := decode(raw)
	if err != nil {
		return nil, err
	}
	apiVersion, kind := textOf(o, fieldAPIVersion), textOf(o, fieldKind)
	if !Converts(apiVersion, kind) {
		return nil, fmt.Errorf("cannot convert kind %s of apiVersion %s: want a Task or a Pipeline of %s",
			quoted(kind), quoted(apiVersion), V1beta1)
	}
	kept := ruleOf(kind).up(o)
	if refused := refusedIn(kept, 1); len(refused) > 0 {
		return nil, refused[0]
	}
	o[fieldAPIVersion] = v1.GroupVersion.String()
	return encode(o)
}

func decode(raw []byte) (map[string]any, error) {
	var o map[string]any
	if err := decodeInto(raw, &o); err != nil {
		return nil, err
	}
	return o, nil
}

// decodeInto decodes one JSON value. Numbers become json.Number.
func decodeInto(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("it is not an object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("it has text after the object")
	}
	return nil
}

func encode(o map[string]any) ([]byte, error) {
	converted, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the converted object: %w", err)
	}
	return converted, nil
}

func textOf(o map[string]any, field string) string {
	text, _ := o[field].(string)
	return text
}

func quoted(text string) string { return strconv.Quote(truncate.Text(text, maxPath)) }
