package v1

import (
	"maps"
)

// PropertySpec describes one key of an object param or result.
type PropertySpec struct {
	// Type of the key's value; only string is possible.
	// +optional
	// +kubebuilder:default=string
	// +kubebuilder:validation:Enum=string
	Type ValueType `json:"type,omitempty"`
}

// ParamSpec declares a param of a Task or a Pipeline.
type ParamSpec struct {
	// Name of the param: letters, digits, '-', '_' and '.'. It must not begin with a digit or '-'.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][-A-Za-z0-9_.]*$`
	Name string `json:"name"`
	// Type of the value. Without it the type follows from the default value or from properties, and is string
	// otherwise.
	// +optional
	Type ValueType `json:"type,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// Properties are the keys that a param of type object must have.
	// +optional
	Properties map[string]PropertySpec `json:"properties,omitempty"`
	// Default is the value used when a run gives none. Without a default a run must give a value.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Default *Value `json:"default,omitempty"`
	// Enum lists the values that a param of type string may have. An empty list allows any value.
	// +optional
	// +listType=set
	Enum []string `json:"enum,omitempty"`
}

// Param gives a value to a declared param.
type Param struct {
	// Name of the declared param.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][-A-Za-z0-9_.]*$`
	Name string `json:"name"`
	// Value: a string, an array of strings, or an object with string values.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Value Value `json:"value"`
}

func inferType(value *Value, properties map[string]PropertySpec) ValueType {
	switch {
	case value != nil && value.Type != "":
		return value.Type
	case len(properties) > 0:
		return TypeObject
	default:
		return TypeString
	}
}

// ValueType returns the declared type, or the inferred one if none is declared.
func (p *ParamSpec) ValueType() ValueType {
	if p.Type != "" {
		return p.Type
	}
	return inferType(p.Default, p.Properties)
}

// Resolve returns the value of a declared param: the given value or else the default. For an object, given keys
// override keys of the default. It returns false if there is no value.
func (p *ParamSpec) Resolve(given *Value) (Value, bool) {
	switch {
	case given == nil || given.Type == "":
		if p.Default == nil {
			return Value{}, false
		}
		return *p.Default, true
	case given.Type != TypeObject || p.Default == nil || p.Default.Type != TypeObject:
		return *given, true
	}
	merged := make(map[string]string, len(given.Object)+len(p.Default.Object))
	maps.Copy(merged, p.Default.Object)
	maps.Copy(merged, given.Object)
	return ObjectValue(merged), true
}
