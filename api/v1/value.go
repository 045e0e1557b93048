package v1

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
)

// ValueType is the type of a param or of a result.
//
// +kubebuilder:validation:Enum=string;array;object
type ValueType string

// TypeString, TypeArray and TypeObject are the types of params and results.
const (
	TypeString ValueType = "string"
	TypeArray  ValueType = "array"
	TypeObject ValueType = "object"
)

// ValueTypes lists the valid types, in the order in which messages name them.
func ValueTypes() []ValueType { return []ValueType{TypeString, TypeArray, TypeObject} }

// Value is the value of a param or a result: a string, an array of strings, or an object whose values are strings.
// Its JSON encoding is that string, array or object.
type Value struct {
	// Type is the type of the value, and selects the field below that holds it. The zero Value has no type and
	// encodes as "".
	Type ValueType `json:"-"`
	// String is the value of type string.
	String string `json:"-"`
	// Array is the value of type array.
	Array []string `json:"-"`
	// Object is the value of type object.
	Object map[string]string `json:"-"`
}

// StringValue returns a Value of type string.
func StringValue(s string) Value { return Value{Type: TypeString, String: s} }

// ArrayValue returns a Value of type array.
func ArrayValue(a ...string) Value { return Value{Type: TypeArray, Array: a} }

// ObjectValue returns a Value of type object.
func ObjectValue(o map[string]string) Value { return Value{Type: TypeObject, Object: o} }

// UnmarshalJSON accepts all valid JSON. A number, a boolean, and an array or object that does not hold strings only
// become the string of their compact JSON text. Users of YAML expect this for `value: 5`. Validation, not decoding,
// refuses a value of the wrong type.
func (v *Value) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	*v = Value{Type: TypeString}
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		*v = Value{}
		return nil
	}
	switch data[0] {
	case '"':
		return json.Unmarshal(data, &v.String)
	case '[':
		if a, ok := decodeStrings(data); ok {
			*v = ArrayValue(a...)
			return nil
		}
	case '{':
		if o, ok := decodeStringMap(data); ok {
			*v = ObjectValue(o)
			return nil
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return err
	}
	v.String = compact.String()
	return nil
}

// decodeStrings decodes an array of strings only. It refuses a null element, which would silently become "".
func decodeStrings(data []byte) ([]string, bool) {
	var elements []*string
	if err := json.Unmarshal(data, &elements); err != nil || slices.Contains(elements, nil) {
		return nil, false
	}
	a := make([]string, len(elements))
	for i, e := range elements {
		a[i] = *e
	}
	return a, true
}

// decodeStringMap decodes an object whose values are all strings.
func decodeStringMap(data []byte) (map[string]string, bool) {
	var members map[string]*string
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, false
	}
	o := make(map[string]string, len(members))
	for k, m := range members {
		if m == nil {
			return nil, false
		}
		o[k] = *m
	}
	return o, true
}

// MarshalJSON encodes the string, array or object that v holds. Keys of an object are sorted.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.Type {
	case TypeArray:
		if v.Array == nil {
			return []byte("[]"), nil
		}
		return json.Marshal(v.Array)
	case TypeObject:
		if v.Object == nil {
			return []byte("{}"), nil
		}
		return json.Marshal(v.Object)
	default:
		return json.Marshal(v.String)
	}
}

// Equal reports whether both values have the same type and content.
func (v Value) Equal(w Value) bool {
	return v.Type == w.Type && v.String == w.String && slices.Equal(v.Array, w.Array) && maps.Equal(v.Object, w.Object)
}

// Texts yields every text of a value: the string, the elements of the array, or the object's values ordered by key.
func (v Value) Texts() iter.Seq2[string, string] {
	return func(yield func(where, text string) bool) {
		switch v.Type {
		case TypeArray:
			for i, text := range v.Array {
				if !yield("["+strconv.Itoa(i)+"]", text) {
					return
				}
			}
		case TypeObject:
			for _, key := range slices.Sorted(maps.Keys(v.Object)) {
				if !yield("."+key, v.Object[key]) {
					return
				}
			}
		default:
			yield("", v.String)
		}
	}
}
