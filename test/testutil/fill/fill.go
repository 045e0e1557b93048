// Package fill sets every field of an object, so that a test also covers the fields that are added to the API later.
package fill

import (
	"reflect"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Depth is how many structs can be nested in what Everything sets: enough for a param of a step of a task in a pipeline in a
// run.
const Depth = 9

// With is what Everything sets fields to.
type With struct {
	// Value is the value of each v1.Value.
	Value v1.Value
	// Skip reports whether fields of a type stay empty. It may be nil.
	Skip func(t reflect.Type) bool
}

// Everything sets every field of v, which must be addressable: strings to "x", pointers to a new value, and lists and maps to
// one element. Structs that are nested deeper than depth stay empty.
func Everything(v reflect.Value, depth int, with With) {
	if depth == 0 || with.Skip != nil && with.Skip(v.Type()) {
		return
	}
	if value, ok := reflect.TypeAssert[*v1.Value](v.Addr()); ok {
		*value = with.Value
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		Everything(v.Elem(), depth, with)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		Everything(v.Index(0), depth, with)
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		Everything(element, depth, with)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), element)
	case reflect.Struct:
		for _, inner := range v.Fields() {
			if inner.CanSet() {
				Everything(inner, depth-1, with)
			}
		}
	default:
	}
}
