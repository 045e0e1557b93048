package main

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
)

func TestBoundIntOrString(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     map[string]any
		want   map[string]any
	}{
		"Quantity": {
			reason: "A number or string with a pattern is a quantity.",
			in:     map[string]any{"x-kubernetes-int-or-string": true, "pattern": "^old$"},
			want:   map[string]any{"x-kubernetes-int-or-string": true, "pattern": quantity, "maxLength": int64(64)},
		},
		"IntOrString": {
			reason: "The number of an IntOrString is an int32.",
			in:     map[string]any{"items": []any{map[string]any{"x-kubernetes-int-or-string": true}}},
			want: map[string]any{"items": []any{map[string]any{
				"x-kubernetes-int-or-string": true, "minimum": int64(-2147483648), "maximum": int64(2147483647),
			}}},
		},
		"Other": {
			reason: "Every other schema stays as it is.",
			in:     map[string]any{"type": "string", "pattern": "^a$"},
			want:   map[string]any{"type": "string", "pattern": "^a$"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			each(tc.in, boundIntOrString)
			if !reflect.DeepEqual(tc.in, tc.want) {
				t.Errorf("%s\nboundIntOrString(): got %v, want %v", tc.reason, tc.in, tc.want)
			}
		})
	}
}

// TestBoundInt32: an API server before Kubernetes 1.36 stored a containerPort of 99999999999, which stopped every watch of its kind.
func TestBoundInt32(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     map[string]any
		want   map[string]any
	}{
		"Free": {
			reason: "The format alone binds no API server before 1.36.",
			in:     map[string]any{"items": map[string]any{"type": "integer", "format": "int32"}},
			want: map[string]any{"items": map[string]any{
				"type": "integer", "format": "int32", "minimum": int64(-2147483648), "maximum": int64(2147483647),
			}},
		},
		"Narrower": {
			reason: "A bound that the type declares stays.",
			in:     map[string]any{"type": "integer", "format": "int32", "minimum": int64(1)},
			want:   map[string]any{"type": "integer", "format": "int32", "minimum": int64(1), "maximum": int64(2147483647)},
		},
		"Int64": {
			reason: "An API server takes no number for an integer that an int64 cannot hold.",
			in:     map[string]any{"type": "integer", "format": "int64"},
			want:   map[string]any{"type": "integer", "format": "int64"},
		},
		"Property": {
			reason: "The name of a property is no schema.",
			in:     map[string]any{"properties": map[string]any{"format": map[string]any{"type": "string"}}},
			want:   map[string]any{"properties": map[string]any{"format": map[string]any{"type": "string"}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			each(tc.in, boundInt32)
			if !reflect.DeepEqual(tc.in, tc.want) {
				t.Errorf("%s\nboundInt32(): got %v, want %v", tc.reason, tc.in, tc.want)
			}
		})
	}
}

func TestQuantityPattern(t *testing.T) {
	pattern := regexp.MustCompile(quantity)
	for _, s := range []string{"1", "+1", "-1", "1.", ".5", "1.5", "100m", "64Mi", "1Ei", "1E", "1e3", "1E-3", "3u", "7n"} {
		if !pattern.MatchString(s) {
			t.Errorf("%q is a quantity and must be admitted", s)
		}
		if _, err := resource.ParseQuantity(s); err != nil {
			t.Errorf("%q is admitted and must decode: %v", s, err)
		}
	}
	for _, s := range []string{"", "1e1.5", "1e2147483648", "1e", "Mi", "1MiB", "1 Mi", "0x10", ".", "+."} {
		if pattern.MatchString(s) {
			t.Errorf("%q must be refused", s)
		}
	}
}

func TestJoinParagraphs(t *testing.T) {
	cases := map[string]struct {
		reason string
		in     []string
		want   []string
	}{
		"Prose": {
			reason: "The reader's terminal breaks lines, not the source's margin.",
			in:     []string{"one", "two", "", "three", "four"},
			want:   []string{"one two", "", "three four"},
		},
		"List": {
			reason: "The items of a list would run together.",
			in:     []string{"Values are:", "- a", "- b", "", "And", "more."},
			want:   []string{"Values are:", "- a", "- b", "", "And more."},
		},
		"Indented": {
			reason: "What is indented is meant as it stands.",
			in:     []string{"An example:", "\tx: y"},
			want:   []string{"An example:", "\tx: y"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			schema := map[string]any{"properties": map[string]any{"a": map[string]any{"description": strings.Join(tc.in, "\n")}}}
			each(schema, joinParagraphs)
			want := map[string]any{"properties": map[string]any{"a": map[string]any{"description": strings.Join(tc.want, "\n")}}}
			if !reflect.DeepEqual(schema, want) {
				t.Errorf("%s\njoinParagraphs(): got %v, want %v", tc.reason, schema, want)
			}
		})
	}
}

// crdOf wraps schemas of spec and status into a CRD.
func crdOf(kind string, spec, status map[string]any) map[string]any {
	schema := map[string]any{"properties": map[string]any{"spec": spec, "status": status}}
	return map[string]any{"spec": map[string]any{
		"group":    "tekton.dev",
		"names":    map[string]any{"kind": kind},
		"versions": []any{map[string]any{"schema": map[string]any{"openAPIV3Schema": schema}}},
	}}
}

func TestAdmitCustomTask(t *testing.T) {
	task := func(required []any, more ...string) map[string]any {
		properties := map[string]any{"steps": map[string]any{}, "params": map[string]any{}}
		for _, name := range more {
			properties[name] = map[string]any{}
		}
		schema := map[string]any{"properties": properties}
		if required != nil {
			schema["required"] = required
		}
		return schema
	}
	custom := []string{"apiVersion", "kind", "spec"}
	cases := map[string]struct {
		schema map[string]any
		want   map[string]any
	}{
		"Embedded": {
			schema: task([]any{"steps"}, custom...),
			want:   task(nil, custom...),
		},
		"OtherRequiredFieldsStay": {
			schema: task([]any{"params", "steps"}, custom...),
			want:   task([]any{"params"}, custom...),
		},
		"TaskSpec": {
			schema: task([]any{"steps"}),
			want:   task([]any{"steps"}),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			admitCustomTask(tc.schema)
			if !reflect.DeepEqual(tc.schema, tc.want) {
				t.Errorf("got %v, want %v", tc.schema, tc.want)
			}
		})
	}
}

func TestRelaxStatus(t *testing.T) {
	// A copy has a property with the name enum, which is not a rule, and one with the name description.
	strict := func() map[string]any {
		return map[string]any{"description": "the task", "properties": map[string]any{
			"enum": map[string]any{
				"type": "array", "maxItems": int64(3), "description": "d",
				"items": map[string]any{"type": "string", "minLength": int64(1), "maxLength": int64(9), "enum": []any{"a"}},
			},
			"description": map[string]any{"type": "string"},
			"quantity":    map[string]any{"x-kubernetes-int-or-string": true, "pattern": quantity, "maxLength": int64(64)},
			"labels": map[string]any{
				"additionalProperties":     map[string]any{"maxLength": int64(1)},
				"x-kubernetes-validations": []any{map[string]any{"rule": "false"}},
			},
		}}
	}
	relaxed := map[string]any{"description": "the task", "properties": map[string]any{
		"enum":        map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		"description": map[string]any{"type": "string"},
		"quantity":    map[string]any{"x-kubernetes-int-or-string": true, "pattern": quantity, "maxLength": int64(64)},
		"labels":      map[string]any{"additionalProperties": map[string]any{}},
	}}
	task := func(schema, beside map[string]any) map[string]any {
		return map[string]any{"properties": map[string]any{"taskSpec": schema, "beside": beside}}
	}
	ruled := func() map[string]any {
		return map[string]any{
			"type":                     "object",
			"description":              "d",
			"maxLength":                int64(1),
			"x-kubernetes-validations": []any{map[string]any{"rule": "false"}},
		}
	}
	unruled := map[string]any{"type": "object", "description": "d", "maxLength": int64(1)}
	crd := crdOf("TaskRun", task(strict(), ruled()), task(strict(), ruled()))
	relaxStatus(crd)
	if want := crdOf("TaskRun", task(strict(), ruled()), task(relaxed, unruled)); !reflect.DeepEqual(crd, want) {
		t.Errorf("a status must have no rules, and the copy of a spec nothing that could refuse it:\ngot  %v\nwant %v", crd, want)
	}
}

func TestKeepUnknown(t *testing.T) {
	const preserve = "x-kubernetes-preserve-unknown-fields"
	object := func(kept bool, properties map[string]any) map[string]any {
		schema := map[string]any{"properties": properties}
		if kept {
			schema[preserve] = true
		}
		return schema
	}
	tree := func(kept bool) map[string]any {
		return object(kept, map[string]any{
			"steps":  map[string]any{"items": object(kept, map[string]any{"image": map[string]any{"type": "string"}})},
			"labels": map[string]any{"additionalProperties": map[string]any{"type": "string"}},
		})
	}
	crd := crdOf("Task", tree(false), tree(false))
	keepUnknown(crd)
	want := crdOf("Task", tree(true), tree(false))
	schema := at(versionsOf(want)[0], "schema", "openAPIV3Schema")
	schema[preserve] = true
	if !reflect.DeepEqual(crd, want) {
		t.Errorf("want unknown fields kept in the root and the spec, and not in the status:\ngot  %v\nwant %v", crd, want)
	}
	crd, want = crdOf("ResolutionRequest", tree(false), tree(false)), crdOf("ResolutionRequest", tree(false), tree(false))
	for _, other := range []map[string]any{crd, want} {
		at(other, "spec")["group"] = "resolution.tekton.dev"
	}
	if keepUnknown(crd); !reflect.DeepEqual(crd, want) {
		t.Errorf("want no unknown fields kept in a group that has no webhook, got %v", crd)
	}
}

func TestServeEarlier(t *testing.T) {
	crdWith := func(kind string, versions ...any) map[string]any {
		return map[string]any{"spec": map[string]any{"names": map[string]any{"kind": kind}, "versions": versions}}
	}
	version := func(name string, stored bool) map[string]any {
		return map[string]any{"name": name, "served": true, "storage": stored, "schema": map[string]any{"type": "object"}}
	}
	for kind, want := range map[string]map[string]any{
		"StepAction": crdWith("StepAction", version("v1alpha1", false), version("v1beta1", true)),
		"Task":       crdWith("Task", version("v1beta1", true)),
	} {
		crd := crdWith(kind, version("v1beta1", true))
		serveEarlier(crd)
		if !reflect.DeepEqual(crd, want) {
			t.Errorf("%s: got %v, want %v", kind, crd, want)
		}
	}
}

func TestServeBeta(t *testing.T) {
	text := map[string]any{"type": "string"}
	kept := map[string]any{"x-kubernetes-preserve-unknown-fields": true}
	object := func(fields map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": fields}
	}
	list := func(fields map[string]any) map[string]any {
		return map[string]any{"type": "array", "items": object(fields)}
	}
	described := object(map[string]any{
		"stepSpecs":        list(map[string]any{"computeResources": text}),
		"computeResources": text,
		"taskSpec":         object(map[string]any{"sidecars": list(map[string]any{"name": text, "computeResources": text})}),
	})
	described["description"] = "d"
	described["x-kubernetes-validations"] = []any{map[string]any{
		"rule": "!has(self.stepSpecs) || !has(self.computeResources)", "fieldPath": ".stepSpecs",
	}}
	crd := crdOf("TaskRun", described, object(map[string]any{"results": text}))
	later := versionsOf(crd)[0].(map[string]any)
	later["name"], later["storage"] = "v1", true
	whole := deepCopy(later)
	serveBeta(crd)
	if len(versionsOf(crd)) != 2 || !reflect.DeepEqual(versionsOf(crd)[1], whole) {
		t.Fatalf("v1 must stay as it was, got %v", versionsOf(crd))
	}
	spec := object(map[string]any{
		"stepOverrides":    list(map[string]any{"resources": text}),
		"computeResources": text,
		"resources":        kept,
		"taskSpec": object(map[string]any{
			"sidecars": list(map[string]any{"name": text, "resources": text}), "resources": kept,
		}),
	})
	spec["x-kubernetes-validations"] = []any{map[string]any{
		"rule": "!has(self.stepOverrides) || !has(self.computeResources)", "fieldPath": ".stepOverrides",
	}}
	status := object(map[string]any{"taskResults": text, "cloudEvents": kept, "resourcesResult": kept})
	older := versionsOf(crd)[0].(map[string]any)
	if stored, given := older["storage"].(bool); older["name"] != "v1beta1" || stored || !given {
		t.Errorf("want v1beta1 served and not stored, got %v, %v", older["name"], older["storage"])
	}
	properties := at(older, "schema", "openAPIV3Schema", "properties")
	if !reflect.DeepEqual(properties["spec"], spec) || !reflect.DeepEqual(properties["status"], status) {
		t.Errorf("got  %v\nwant %v\nand  %v", properties, spec, status)
	}
	if at(crd, "spec", "conversion")["strategy"] != "Webhook" {
		t.Errorf("want a webhook that converts, got %v", at(crd, "spec", "conversion"))
	}
	other := crdOf("CustomRun", object(map[string]any{}), object(map[string]any{}))
	if serveBeta(other); len(versionsOf(other)) != 1 || at(other, "spec", "conversion") != nil {
		t.Errorf("want other kinds as they are, got %v", other)
	}
}
