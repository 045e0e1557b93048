// Package strict compares JSON with a type of the API. It finds what decoding would drop or refuse: unknown fields, and
// values of the wrong kind.
package strict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/spelling"
)

// Fault is an unknown field, or a value of the wrong kind.
type Fault struct {
	// Path of the field, such as spec.steps[0].image.
	Path string
	// Unknown is the name of an unknown field; empty for a value of the wrong kind.
	Unknown string
	// Respelled is the name of the field that is read from a member in another case. The other members are empty then.
	Respelled string
	// Known are the names of the possible fields there, sorted. It is set only with Unknown.
	Known []string
	// Problem is the problem of a value. It is set only without Unknown.
	Problem string
}

// Check returns the faults of the JSON in data for the type of prototype, in the order of the type and of lists. It returns
// an error if data is not JSON.
func Check(data []byte, prototype any) ([]Fault, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	c := &checker{}
	c.check("", value, reflect.TypeOf(prototype))
	return c.faults, nil
}

type checker struct{ faults []Fault }

func (c *checker) problemf(path, format string, args ...any) {
	c.faults = append(c.faults, Fault{Path: path, Problem: fmt.Sprintf(format, args...)})
}

func (c *checker) check(path string, value any, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil {
		return
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		c.checkOwn(path, value, t)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		c.checkStruct(path, value, t)
	case reflect.Map:
		if object, ok := value.(map[string]any); ok {
			for _, key := range sorted(object) {
				c.check(path+"["+key+"]", object[key], t.Elem())
			}
			return
		}
		c.problemf(path, "must be a map, found %s", noun(value))
	case reflect.Slice:
		c.checkList(path, value, t)
	case reflect.String:
		if _, ok := value.(string); !ok {
			c.problemf(path, "must be a string, found %s%s", noun(value), quoteIt(value))
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			c.problemf(path, "must be true or false, found %s", noun(value))
		}
	default:
		c.checkNumber(path, value, t)
	}
}

// checkOwn decodes a value of a type with its own decoder, such as a duration.
func (c *checker) checkOwn(path string, value any, t reflect.Type) {
	text, err := json.Marshal(value)
	if err != nil {
		c.problemf(path, "cannot be used: %v", err)
		return
	}
	if err := json.Unmarshal(text, reflect.New(t).Interface()); err != nil {
		c.problemf(path, "cannot be used: %v", err)
	}
}

func (c *checker) checkStruct(path string, value any, t reflect.Type) {
	object, ok := value.(map[string]any)
	if !ok {
		c.problemf(path, "must be a map of fields, found %s", noun(value))
		return
	}
	fields := fieldsOf(t)
	for _, key := range sorted(object) {
		at := join(path, key)
		field, known := fields[key]
		if name := folded(fields, key); !known && name != "" {
			c.faults = append(c.faults, Fault{Path: at, Respelled: name})
			field, known = fields[name], true
		}
		if !known {
			c.faults = append(c.faults, Fault{Path: at, Unknown: key, Known: sorted(fields)})
			continue
		}
		c.check(at, object[key], field)
	}
}

// folded returns the field that a decoder reads from a member whose name differs in case, or an empty string.
func folded(fields map[string]reflect.Type, key string) string {
	fold := spelling.Fold(key)
	for name := range fields {
		if spelling.Fold(name) == fold {
			return name
		}
	}
	return ""
}

func (c *checker) checkList(path string, value any, t reflect.Type) {
	if _, isText := value.(string); isText && t.Elem().Kind() == reflect.Uint8 {
		c.checkOwn(path, value, t) // bytes are written in base64
		return
	}
	list, ok := value.([]any)
	if !ok {
		c.problemf(path, "must be a list, found %s; each element begins with \"- \"", noun(value))
		return
	}
	for i, element := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		if element == nil {
			c.problemf(at, "is empty; give it a value, or remove its dash")
			continue
		}
		c.check(at, element, t.Elem())
	}
}

func (c *checker) checkNumber(path string, value any, t reflect.Type) {
	if _, ok := value.(json.Number); !ok {
		c.problemf(path, "must be a number, found %s", noun(value))
		return
	}
	c.checkOwn(path, value, t)
}

// fieldsOf returns the types of a struct's fields by JSON name, with those of embedded structs.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && f.Anonymous:
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			for inner, innerType := range fieldsOf(embedded) {
				if _, taken := fields[inner]; !taken {
					fields[inner] = innerType
				}
			}
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func noun(value any) string {
	switch v := value.(type) {
	case string:
		return "a string"
	case bool:
		return fmt.Sprintf("the boolean %t", v)
	case json.Number:
		return "the number " + v.String()
	case []any:
		return "a list"
	default:
		return "a map"
	}
}

// quoteIt returns the hint to use quotes if YAML may have changed the type of a text.
func quoteIt(value any) string {
	switch value.(type) {
	case bool, json.Number:
		return "; put it in quotes"
	default:
		return ""
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
