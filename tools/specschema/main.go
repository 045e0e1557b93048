// Specschema writes the schemas of the specs in CRDs in a short form, which the controller has built in:
//
//	specschema OUT CRD…
//
// It keeps of the stored version of each kind what decides whether a value is refused, without descriptions. Equal schemas are
// written once, one on each line, and are named by their numbers. See go doc ./internal/admission/specschema for the form.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: specschema OUT CRD…")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func write(out string, files []string) error {
	all := table{numbers: map[string]int{}, Kinds: map[string]int{}}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("cannot read the CRD: %w", err)
		}
		var crd map[string]any
		if err := yaml.Unmarshal(data, &crd); err != nil {
			return fmt.Errorf("cannot decode CRD %q: %w", file, err)
		}
		if err := all.addKind(crd); err != nil {
			return fmt.Errorf("cannot shorten CRD %q: %w", file, err)
		}
	}
	text, err := all.encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, text, 0o644); err != nil {
		return fmt.Errorf("cannot write the schemas: %w", err)
	}
	return nil
}

// table has each schema once.
type table struct {
	numbers map[string]int // by the encoded schema
	lines   []string       // the encoded schemas, by their numbers
	Kinds   map[string]int // the schema of the spec, by kind
}

func (t *table) addKind(crd map[string]any) error {
	spec, _ := crd["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	kind, _ := names["kind"].(string)
	versions, _ := spec["versions"].([]any)
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if stored, _ := version["storage"].(bool); !stored {
			continue
		}
		schema, err := at(version, "schema", "openAPIV3Schema", "properties", "spec")
		if err != nil {
			return err
		}
		t.Kinds[kind], err = t.add(schema)
		return err
	}
	return fmt.Errorf("kind %q has no stored version", kind)
}

// at follows keys through objects.
func at(node map[string]any, keys ...string) (map[string]any, error) {
	for _, key := range keys {
		next, ok := node[key].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the schema has no %q", key)
		}
		node = next
	}
	return node, nil
}

// kept returns the keywords that are copied, in addition to those that add treats. The others either do not concern one value
// (list and map types, rules in CEL) or do not refuse any.
func kept() []string {
	return []string{
		"type", "required", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "format",
		"nullable", "x-kubernetes-int-or-string",
	}
}

// add returns the number of a schema.
func (t *table) add(schema map[string]any) (int, error) {
	short := map[string]any{}
	for _, keyword := range kept() {
		if value, has := schema[keyword]; has {
			short[keyword] = value
		}
	}
	if _, has := schema["default"]; has {
		short["default"] = true
	}
	for _, keyword := range []string{"items", "additionalProperties"} {
		inner, ok := schema[keyword].(map[string]any)
		if !ok {
			continue
		}
		number, err := t.add(inner)
		if err != nil {
			return 0, err
		}
		short[keyword] = number
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		numbers := map[string]int{}
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			inner, ok := properties[name].(map[string]any)
			if !ok {
				return 0, fmt.Errorf("property %q is no schema", name)
			}
			number, err := t.add(inner)
			if err != nil {
				return 0, err
			}
			numbers[name] = number
		}
		short["properties"] = numbers
	}
	line, err := json.Marshal(short)
	if err != nil {
		return 0, fmt.Errorf("cannot encode a schema: %w", err)
	}
	return t.number(string(line)), nil
}

func (t *table) number(line string) int {
	number, known := t.numbers[line]
	if !known {
		number = len(t.lines)
		t.numbers[line] = number
		t.lines = append(t.lines, line)
	}
	return number
}

func (t *table) encode() ([]byte, error) {
	var out bytes.Buffer
	kinds, err := json.Marshal(t.Kinds)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the kinds: %w", err)
	}
	fmt.Fprintf(&out, "{\"kinds\":%s,\n\"schemas\":[\n", kinds)
	for i, line := range t.lines {
		if i > 0 {
			out.WriteString(",\n")
		}
		out.WriteString(line)
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), nil
}
