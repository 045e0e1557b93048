package tektoncrds

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// typeObject is the type of objects in a schema.
const typeObject = "object"

// kinds are the kinds of tekton.dev and of resolution.tekton.dev that CRDs returns, each in one version.
func kinds() []struct{ group, kind, version string } {
	const tekton, resolution = "tekton.dev", "resolution.tekton.dev"
	return []struct{ group, kind, version string }{
		{tekton, "Task", "v1"},
		{tekton, "TaskRun", "v1"},
		{tekton, "Pipeline", "v1"},
		{tekton, "PipelineRun", "v1"},
		{tekton, "StepAction", "v1beta1"},
		{tekton, "CustomRun", "v1beta1"},
		{resolution, "ResolutionRequest", "v1beta1"},
	}
}

// CRDs returns CustomResourceDefinitions with the fields of Tekton's kinds, for a test cluster. Each has one version and no
// conversion webhook. They keep unknown fields where Tekton's do, and prune them elsewhere.
func CRDs() ([]*unstructured.Unstructured, error) {
	all := make([]*unstructured.Unstructured, 0, len(kinds()))
	for _, k := range kinds() {
		fields, err := Of(k.kind, k.version)
		if err != nil {
			return nil, err
		}
		top := *fields
		top.Fields = map[string]*Field{}
		for name, field := range fields.Fields {
			if name != "metadata" { // the API server has the fields of metadata
				top.Fields[name] = field
			}
		}
		all = append(all, definition(k.group, k.kind, k.version, &top))
	}
	return all, nil
}

func definition(group, kind, version string, fields *Field) *unstructured.Unstructured {
	singular := strings.ToLower(kind)
	served := map[string]any{
		"name": version, "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": fields.Schema()},
	}
	if _, ok := fields.Fields["status"]; ok {
		served["subresources"] = map[string]any{"status": map[string]any{}}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": singular + "s." + group},
		"spec": map[string]any{
			"group":    group,
			"scope":    "Namespaced",
			"names":    map[string]any{"kind": kind, "listKind": kind + "List", "plural": singular + "s", "singular": singular},
			"versions": []any{served},
		},
	}}
}

// Schema returns the OpenAPI schema of a field: its type and its fields, without rules and descriptions.
func (f *Field) Schema() map[string]any {
	schema := map[string]any{}
	switch f.Type {
	case "any", "":
	case "int-or-string":
		schema["x-kubernetes-int-or-string"] = true
	default:
		schema["type"] = f.Type
	}
	if f.Keeps {
		schema["x-kubernetes-preserve-unknown-fields"] = true
	}
	if f.Fields != nil {
		properties := make(map[string]any, len(f.Fields))
		for name, inner := range f.Fields {
			properties[name] = inner.Schema()
		}
		schema["properties"] = properties
	}
	switch {
	case f.Element == nil:
	case f.Type == "array":
		schema["items"] = f.Element.Schema()
	default:
		schema["additionalProperties"] = f.Element.Schema()
	}
	return schema
}
