package v1

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateParamSpecs checks declarations of params.
func validateParamSpecs(r *Report, specs []ParamSpec, path *field.Path) {
	unique := newUniqueFoldedNames()
	for i := range r.each(len(specs)) {
		r.Add(unique.add(path.Index(i).Child("name"), specs[i].Name)...)
		specs[i].validate(r, path.Index(i))
	}
}

func (p *ParamSpec) validate(r *Report, path *field.Path) {
	declared := p.Type
	if declared == "" {
		declared = inferType(p.Default, p.Properties)
	}
	valid, rule := paramName, paramNameRule
	if declared == TypeObject {
		valid, rule = objectName, objectNameRule
	}
	r.Add(checkName(path.Child("name"), p.Name, valid, rule)...)
	r.Add(checkType(path.Child("type"), p.Type)...)
	checkProperties(r, path, declared, p.Properties)
	if p.Default != nil && p.Default.Type != declared {
		r.Add(typeMismatch(path.Child("default"), p.Name, declared, p.Default.Type))
	}
	p.validateEnum(r, path, declared)
}

// validateEnum checks the values that a param may have, and that its default is one of them.
func (p *ParamSpec) validateEnum(r *Report, path *field.Path, declared ValueType) {
	if len(p.Enum) == 0 {
		return
	}
	if declared != TypeString {
		r.Add(field.Forbidden(path.Child("enum"), fmt.Sprintf("only type string has an enum, and the type is %s", shown(string(declared)))))
		return
	}
	unique := newUniqueNames()
	for i := range r.each(len(p.Enum)) {
		r.Add(unique.add(path.Child("enum").Index(i), p.Enum[i])...)
	}
	if p.Default != nil && p.Default.Type == TypeString {
		r.Add(p.checkEnum(path.Child("default"), p.Default.String)...)
	}
}

// checkEnum refuses a value that is not one of those that the param may have. The message lists the first of them.
func (p *ParamSpec) checkEnum(path *field.Path, value string) field.ErrorList {
	if len(p.Enum) == 0 || slices.Contains(p.Enum, value) {
		return nil
	}
	listed := make([]string, min(len(p.Enum), maxListed))
	for i := range listed {
		listed[i] = shown(p.Enum[i])
	}
	err := field.NotSupported(path, shown(value), listed)
	if more := len(p.Enum) - len(listed); more > 0 {
		err.Detail += fmt.Sprintf(" and %d more", more)
	}
	return field.ErrorList{err}
}

// validateGiven checks values by themselves, before it is known what they are for.
func validateGiven(r *Report, given []Param, path *field.Path) {
	unique := newUniqueFoldedNames()
	for i := range r.each(len(given)) {
		name := path.Index(i).Child("name")
		r.Add(checkName(name, given[i].Name, paramName, paramNameRule)...)
		r.Add(unique.add(name, given[i].Name)...)
	}
}

// ValidateParams checks the values that a run gives against what its task or pipeline declares. A param that has no
// value is an error of type field.ErrorTypeRequired, one of the wrong type of type field.ErrorTypeTypeInvalid; an object
// may leave out the keys that its default fills in.
//
// Values that nothing declares are accepted: the public documentation of TaskRuns and of PipelineRuns allows them
// ("Extra Parameters"), so that a system which generates runs need not look at each task, and tasks written out in a run
// use them by name (propagated parameters).
func ValidateParams(declared []ParamSpec, given []Param, path *field.Path) field.ErrorList {
	byName := make(map[string]int, len(given))
	for i := range given {
		byName[given[i].Name] = i
	}
	return reported(func(r *Report) {
		for i := range r.each(len(declared)) {
			spec := &declared[i]
			at, ok := byName[spec.Name]
			if !ok || given[at].Value.Type == "" {
				r.Add(spec.validateAbsent(path)...)
				continue
			}
			r.Add(spec.validateValue(path.Index(at).Child("value"), given[at].Value)...)
		}
	})
}

// validateAbsent checks a param that is given no value.
func (p *ParamSpec) validateAbsent(path *field.Path) field.ErrorList {
	if p.Default == nil {
		return field.ErrorList{missingParam(path, p)}
	}
	return p.validateKeys(path, *p.Default)
}

// valueType returns the type, inferred where none is declared.
func (p *ParamSpec) valueType() ValueType {
	if p.Type != "" {
		return p.Type
	}
	return inferType(p.Default, p.Properties)
}

func (p *ParamSpec) validateValue(path *field.Path, value Value) field.ErrorList {
	if want := p.valueType(); value.Type != want {
		return field.ErrorList{typeMismatch(path, p.Name, want, value.Type)}
	}
	if value.Type == TypeString {
		return p.checkEnum(path, value.String)
	}
	return p.validateKeys(path, value)
}

// validateKeys refuses an object that lacks a key which its properties demand and its default does not fill in.
func (p *ParamSpec) validateKeys(path *field.Path, value Value) field.ErrorList {
	if p.valueType() != TypeObject {
		return nil
	}
	var missing list
	for key := range p.Properties {
		_, has := value.Object[key]
		if !has && p.Default != nil {
			_, has = p.Default.Object[key]
		}
		if !has {
			missing.add(key)
		}
	}
	if missing.size == 0 {
		return nil
	}
	return field.ErrorList{field.Required(path, fmt.Sprintf("object param %q lacks the keys: %s", shown(p.Name), &missing))}
}

// Resolve returns the value that a declared param has: the given one, its default, or for an object both, the given keys
// over those of the default. It returns false when there is none.
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

func missingParam(path *field.Path, spec *ParamSpec) *field.Error {
	return field.Required(path, fmt.Sprintf("missing param %q of type %s: declared without a default", shown(spec.Name), shown(string(spec.valueType()))))
}

// typeMismatch names both types instead of the value, which can be very long.
func typeMismatch(path *field.Path, name string, want, found ValueType) *field.Error {
	if found == "" {
		found = "null"
	}
	return field.TypeInvalid(path, ValueType(shown(string(found))), fmt.Sprintf("param %q is of type %s, not %s", shown(name), shown(string(want)), shown(string(found))))
}
