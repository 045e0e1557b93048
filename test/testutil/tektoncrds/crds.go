package tektoncrds

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// typeObject is the type of objects in a schema.
const typeObject = "object"

// The API groups of Tekton.
const (
	tekton     = "tekton.dev"
	resolution = "resolution.tekton.dev"
)

// The versions of Tekton's API.
const (
	v1       = "v1"
	v1beta1  = "v1beta1"
	v1alpha1 = "v1alpha1"
)

// tektonKind is a kind of Tekton. Its objects are stored in the last version.
type tektonKind struct {
	group, name string
	versions    []string
	// plural is empty for a name with an s at its end.
	plural string
}

func kinds() []tektonKind {
	return []tektonKind{
		{group: tekton, name: "Task", versions: []string{v1beta1, v1}},
		{group: tekton, name: "TaskRun", versions: []string{v1beta1, v1}},
		{group: tekton, name: "Pipeline", versions: []string{v1beta1, v1}},
		{group: tekton, name: "PipelineRun", versions: []string{v1beta1, v1}},
		{group: tekton, name: "StepAction", versions: []string{v1alpha1, v1beta1}},
		{group: tekton, name: "CustomRun", versions: []string{v1beta1}},
		{group: resolution, name: "ResolutionRequest", versions: []string{v1alpha1, v1beta1}},
	}
}

// CRDs returns CustomResourceDefinitions with the fields of Tekton's kinds, for a test cluster. Each has one version and no
// conversion webhook. They keep unknown fields where Tekton's do, and prune them elsewhere.
func CRDs() ([]*unstructured.Unstructured, error) {
	all := make([]*unstructured.Unstructured, 0, len(kinds()))
	for _, k := range kinds() {
		k.versions = k.versions[len(k.versions)-1:]
		crd, err := k.definition()
		if err != nil {
			return nil, err
		}
		all = append(all, crd)
	}
	return all, nil
}

// AllVersions returns the CustomResourceDefinitions of all kinds with all of their versions. Where Tekton has a conversion webhook, they
// name its Service.
func AllVersions() ([]*unstructured.Unstructured, error) {
	all := make([]*unstructured.Unstructured, 0, len(kinds())+1)
	policy := tektonKind{group: tekton, name: "VerificationPolicy", versions: []string{v1alpha1}, plural: "verificationpolicies"}
	for _, k := range append(kinds(), policy) {
		crd, err := k.definition()
		if err != nil {
			return nil, err
		}
		if k.group == tekton {
			crd.SetLabels(map[string]string{"app.kubernetes.io/part-of": "tekton-pipelines"})
		}
		if len(k.versions) > 1 {
			conversion := map[string]any{"strategy": "Webhook", "webhook": map[string]any{
				"conversionReviewVersions": []any{v1},
				"clientConfig": map[string]any{
					"service": map[string]any{"namespace": "tekton-pipelines", "name": "tekton-pipelines-webhook"},
				},
			}}
			if err := unstructured.SetNestedMap(crd.Object, conversion, "spec", "conversion"); err != nil {
				return nil, err
			}
		}
		all = append(all, crd)
	}
	return all, nil
}

// definition returns the CustomResourceDefinition of a kind.
func (k tektonKind) definition() (*unstructured.Unstructured, error) {
	singular := strings.ToLower(k.name)
	plural := cmp.Or(k.plural, singular+"s")
	var versions []any
	for i, version := range k.versions {
		fields, err := Of(k.name, version)
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
		served := map[string]any{
			"name": version, "served": true, "storage": i == len(k.versions)-1, "schema": map[string]any{"openAPIV3Schema": top.Schema()},
		}
		if _, ok := top.Fields["status"]; ok {
			served["subresources"] = map[string]any{"status": map[string]any{}}
		}
		versions = append(versions, served)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": plural + "." + k.group},
		"spec": map[string]any{
			"group":    k.group,
			"scope":    "Namespaced",
			"names":    map[string]any{"kind": k.name, "listKind": k.name + "List", "plural": plural, "singular": singular},
			"versions": versions,
		},
	}}, nil
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
