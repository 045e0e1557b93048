package fieldset

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Trim leaves out the fields of a type that a schema does not have. A nil Trim leaves out nothing.
type Trim[T any] struct {
	root *node
	// Unknown are the paths of the fields that are left out, sorted, such as "provenance.featureFlags.policy".
	Unknown []string
}

// Compile compares a struct type, as JSON encodes it, with a schema. Parts for which the schema names no fields stay as they are.
// links are schemas for such parts by their paths.
func Compile[T any](schema *Schema, links map[string]*Schema) *Trim[T] {
	t := &Trim[T]{}
	c := compiler{links: links, report: func(path string) { t.Unknown = append(t.Unknown, path) }}
	t.root = c.compile(reflect.TypeFor[T](), schema, "")
	slices.Sort(t.Unknown)
	return t
}

// Apply returns a value without the fields that the schema does not have. It does not change the argument.
func (t *Trim[T]) Apply(value T) T {
	if t == nil || t.root == nil {
		return value
	}
	if out, changed := t.root.apply(reflect.ValueOf(value)); changed {
		trimmed, _ := reflect.TypeAssert[T](out)
		return trimmed
	}
	return value
}

// node says what is left out of the values of a type.
type node struct {
	// drop are the indices of fields that are left out, and inner are fields of which a part is.
	drop  []int
	inner map[int]*node
	// element is for the elements of lists and maps, and for what pointers point to.
	element *node
}

type compiler struct {
	links  map[string]*Schema
	report func(path string)
}

// compile returns nil if nothing of the type is left out.
func (c compiler) compile(t reflect.Type, schema *Schema, path string) *node {
	if schema == nil || leaf(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wrapped(c.compile(t.Elem(), schema, path))
	case reflect.Slice:
		items := schema.Items
		if items == nil {
			items = c.links[path]
		}
		return wrapped(c.compile(t.Elem(), items, path+"[]"))
	case reflect.Map:
		return wrapped(c.compile(t.Elem(), schema.Additional.Schema, path+"{}"))
	case reflect.Struct:
		return c.fields(t, schema, path)
	default:
		return nil
	}
}

// fields compares the fields of a struct.
func (c compiler) fields(t reflect.Type, schema *Schema, path string) *node {
	if len(schema.Properties) == 0 {
		return nil
	}
	n := &node{inner: map[int]*node{}}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case !field.IsExported(), name == "-":
		case name == "" && field.Anonymous:
			if below := c.compile(field.Type, schema, path); below != nil {
				n.inner[i] = below
			}
		default:
			below := strings.TrimPrefix(path+"."+name, ".")
			property, known := schema.Properties[name]
			if !known && !schema.Keeps {
				n.drop = append(n.drop, i)
				c.report(below)
			} else if inner := c.compile(field.Type, property, below); inner != nil {
				n.inner[i] = inner
			}
		}
	}
	if len(n.drop) == 0 && len(n.inner) == 0 {
		return nil
	}
	return n
}

// leaf reports whether a type encodes itself.
func leaf(t reflect.Type) bool {
	marshaler := reflect.TypeFor[json.Marshaler]()
	return t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler)
}

func wrapped(element *node) *node {
	if element == nil {
		return nil
	}
	return &node{element: element}
}

// apply returns a value without the fields to leave out, and whether it differs from v. It shares with v what does not differ.
func (n *node) apply(v reflect.Value) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.Pointer:
		return n.pointer(v)
	case reflect.Slice:
		return n.slice(v)
	case reflect.Map:
		return n.entries(v)
	case reflect.Struct:
		return n.fields(v)
	default:
		return v, false
	}
}

func (n *node) pointer(v reflect.Value) (reflect.Value, bool) {
	if v.IsNil() {
		return v, false
	}
	inner, changed := n.element.apply(v.Elem())
	if !changed {
		return v, false
	}
	out := reflect.New(v.Type().Elem())
	out.Elem().Set(inner)
	return out, true
}

func (n *node) slice(v reflect.Value) (reflect.Value, bool) {
	out, differs := v, false
	for i := range v.Len() {
		inner, changed := n.element.apply(v.Index(i))
		if !changed {
			continue
		}
		if !differs {
			out, differs = reflect.MakeSlice(v.Type(), v.Len(), v.Len()), true
			reflect.Copy(out, v)
		}
		out.Index(i).Set(inner)
	}
	return out, differs
}

func (n *node) entries(v reflect.Value) (reflect.Value, bool) {
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	differs := false
	for key, value := range v.Seq2() {
		inner, changed := n.element.apply(value)
		out.SetMapIndex(key, inner)
		differs = differs || changed
	}
	if !differs {
		return v, false
	}
	return out, true
}

func (n *node) fields(v reflect.Value) (reflect.Value, bool) {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	differs := false
	for _, i := range n.drop {
		if !v.Field(i).IsZero() {
			out.Field(i).SetZero()
			differs = true
		}
	}
	for i, inner := range n.inner {
		if below, changed := inner.apply(v.Field(i)); changed {
			out.Field(i).Set(below)
			differs = true
		}
	}
	return out, differs
}
