// Package fieldset leaves fields out of a status that the API of the cluster does not have. Beside Tekton, the kinds are those
// of the installed version of Tekton: its webhook rejects a status with an unknown field, and the run could not end.
package fieldset

import (
	"encoding/json"
	"fmt"
)

// Schema is what is read of an OpenAPI v3 schema.
type Schema struct {
	// Properties are the fields of an object; nil if the schema names none.
	Properties map[string]*Schema `json:"properties"`
	// Items is the schema of the elements of a list, and Additional of the values of a map.
	Items      *Schema    `json:"items"`
	Additional additional `json:"additionalProperties"`
	// Keeps reports that the API server keeps unknown fields.
	Keeps bool `json:"x-kubernetes-preserve-unknown-fields"`
	// Kind is set in the top schema of a kind.
	Kind []groupVersionKind `json:"x-kubernetes-group-version-kind"`
}

type groupVersionKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// additional is additionalProperties: a schema, or a boolean, which names no fields.
type additional struct{ *Schema }

// UnmarshalJSON decodes either form.
func (a *additional) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '{' {
		a.Schema = &Schema{}
		return json.Unmarshal(text, a.Schema)
	}
	return nil
}

// Document is the OpenAPI v3 document of one version of an API group, as the API server publishes it.
type Document struct{ schemas []*Schema }

// Parse parses a document.
func Parse(text []byte) (Document, error) {
	var parsed struct {
		Components struct {
			Schemas map[string]*Schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		return Document{}, fmt.Errorf("cannot parse the OpenAPI document of the API server: %w", err)
	}
	var d Document
	for _, schema := range parsed.Components.Schemas {
		if schema != nil {
			d.schemas = append(d.schemas, schema)
		}
	}
	return d, nil
}

// Status returns the schema of the status of a kind; nil if the document does not name the fields of that status.
func (d Document) Status(kind string) *Schema { return d.part(kind, "status") }

// Spec returns the schema of the spec of a kind; nil if the document does not name the fields of that spec.
func (d Document) Spec(kind string) *Schema { return d.part(kind, "spec") }

func (d Document) part(kind, name string) *Schema {
	top := d.kind(kind)
	if top == nil {
		return nil
	}
	part := top.Properties[name]
	if part == nil || len(part.Properties) == 0 {
		return nil
	}
	return part
}

// Has reports whether a kind has a field, and ok whether the document names the fields where it would be.
func (d Document) Has(kind string, path ...string) (has, ok bool) {
	at := d.kind(kind)
	for _, name := range path {
		if at == nil || len(at.Properties) == 0 {
			return false, false
		}
		if at = at.Properties[name]; at == nil {
			return false, true
		}
	}
	return at != nil, at != nil
}

func (d Document) kind(kind string) *Schema {
	for _, schema := range d.schemas {
		for _, is := range schema.Kind {
			if is.Kind == kind {
				return schema
			}
		}
	}
	return nil
}
