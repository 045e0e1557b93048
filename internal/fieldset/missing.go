package fieldset

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Missing returns the paths of the fields that a schema names and a struct type does not have, sorted: what a client with this type
// ignores. Parts for which the schema names no fields, and types that decode themselves, are not compared.
func Missing[T any](schema *Schema) []string {
	var paths []string
	missing(reflect.TypeFor[T](), schema, "", func(path string) { paths = append(paths, path) })
	slices.Sort(paths)
	return paths
}

func missing(t reflect.Type, schema *Schema, path string, report func(string)) {
	if schema == nil || leaf(t) {
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		missing(t.Elem(), schema, path, report)
	case reflect.Slice:
		missing(t.Elem(), schema.Items, path+"[]", report)
	case reflect.Map:
		missing(t.Elem(), schema.Additional.Schema, path+"{}", report)
	case reflect.Struct:
		has := map[string]reflect.Type{}
		fieldsOf(t, has)
		for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
			below := strings.TrimPrefix(path+"."+name, ".")
			if inner, ok := has[name]; ok {
				missing(inner, schema.Properties[name], below, report)
			} else {
				report(below)
			}
		}
	default:
	}
}

// fieldsOf collects the types of the fields of a struct by their names in JSON, with those of embedded structs.
func fieldsOf(t reflect.Type, into map[string]reflect.Type) {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case !field.IsExported(), name == "-":
		case name == "" && field.Anonymous && field.Type.Kind() == reflect.Struct:
			fieldsOf(field.Type, into)
		case name != "":
			into[name] = field.Type
		}
	}
}
