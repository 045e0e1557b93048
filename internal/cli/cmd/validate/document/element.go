package document

import (
	"encoding/json"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
)

// Elements returns the elements of the list at the path of fields, each as a document with its places in the file. A document
// without such a list has none.
func (d Document) Elements(fields ...string) []Document {
	raw, node := json.RawMessage(d.JSON), content(d.root)
	for _, name := range fields {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil || object[name] == nil {
			return nil
		}
		raw = object[name]
		_, value, rest, ok := step(node, "."+name)
		if !ok || rest != "" {
			return nil
		}
		node = value
	}
	var list []json.RawMessage
	node = resolved(node)
	if json.Unmarshal(raw, &list) != nil || node.Kind != yaml3.SequenceNode || len(list) != len(node.Content) {
		return nil
	}
	elements := make([]Document, len(list))
	for i := range list {
		elements[i] = Document{
			File: d.File, JSON: list[i], root: resolved(node.Content[i]), lines: d.lines, skipped: d.skipped, source: d.source,
		}
	}
	return elements
}

// Parts returns the objects that a document of another program contains: the items of a List, or the runs that a TriggerTemplate
// creates. Any other document is its only part.
func (d Document) Parts() []Document {
	var meta struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if json.Unmarshal(d.JSON, &meta) != nil {
		return []Document{d}
	}
	var inside []Document
	switch {
	case meta.Kind == "TriggerTemplate" && strings.HasPrefix(meta.APIVersion, "triggers.tekton.dev/"):
		inside = d.Elements("spec", "resourcetemplates")
	case meta.Kind == "List" && meta.APIVersion == "v1":
		inside = d.Elements("items")
	}
	if len(inside) == 0 {
		return []Document{d}
	}
	return inside
}
