package v1

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateParamSpecs checks declarations of params.
func validateParamSpecs(specs []ParamSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueFoldedNames()
	for i := range specs {
		errs = append(errs, unique.add(path.Index(i).Child("name"), specs[i].Name)...)
		errs = append(errs, specs[i].validate(path.Index(i))...)
	}
	return errs
}

func (p *ParamSpec) validate(path *field.Path) field.ErrorList {
	declared := p.Type
	if declared == "" {
		declared = inferType(p.Default, p.Properties)
	}
	valid, rule := paramName, paramNameRule
	if declared == TypeObject {
		valid, rule = objectName, objectNameRule
	}
	errs := checkName(path.Child("name"), p.Name, valid, rule)
	errs = append(errs, checkType(path.Child("type"), p.Type)...)
	errs = append(errs, checkProperties(path, declared, p.Properties)...)
	if p.Default != nil && p.Default.Type != declared {
		errs = append(errs, typeMismatch(path.Child("default"), p.Name, declared, p.Default.Type))
	}
	return append(errs, p.validateEnum(path, declared)...)
}

// validateEnum checks the values that a param may have, and that its default is one of them.
func (p *ParamSpec) validateEnum(path *field.Path, declared ValueType) field.ErrorList {
	if len(p.Enum) == 0 {
		return nil
	}
	if declared != TypeString {
		return field.ErrorList{field.Forbidden(path.Child("enum"), fmt.Sprintf("only type string has an enum, and the type is %s", declared))}
	}
	var errs field.ErrorList
	unique := newUniqueNames()
	for i, value := range p.Enum {
		errs = append(errs, unique.add(path.Child("enum").Index(i), value)...)
	}
	if p.Default != nil && p.Default.Type == TypeString {
		errs = append(errs, p.checkEnum(path.Child("default"), p.Default.String)...)
	}
	return errs
}

// checkEnum refuses a value that is not one of those that the param may have.
func (p *ParamSpec) checkEnum(path *field.Path, value string) field.ErrorList {
	if len(p.Enum) == 0 || slices.Contains(p.Enum, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, shown(value), p.Enum)}
}

// validateGiven checks values by themselves, before it is known what they are for.
func validateGiven(given []Param, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueFoldedNames()
	for i := range given {
		name := path.Index(i).Child("name")
		errs = append(errs, checkName(name, given[i].Name, paramName, paramNameRule)...)
		errs = append(errs, unique.add(name, given[i].Name)...)
	}
	return errs
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
	var errs field.ErrorList
	for i := range declared {
		spec := &declared[i]
		at, ok := byName[spec.Name]
		if !ok || given[at].Value.Type == "" {
			if spec.Default == nil {
				errs = append(errs, missingParam(path, spec))
				continue
			}
			errs = append(errs, spec.validateKeys(path, *spec.Default)...)
			continue
		}
		errs = append(errs, spec.validateValue(path.Index(at).Child("value"), given[at].Value)...)
	}
	return errs
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
	missing := sets.New[string]()
	for key := range p.Properties {
		_, has := value.Object[key]
		if !has && p.Default != nil {
			_, has = p.Default.Object[key]
		}
		if !has {
			missing.Insert(key)
		}
	}
	if missing.Len() == 0 {
		return nil
	}
	return field.ErrorList{field.Required(path, fmt.Sprintf("object param %q lacks the keys: %s", p.Name, listed(missing)))}
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
	return field.Required(path, fmt.Sprintf("missing param %q of type %s: declared without a default", shown(spec.Name), spec.valueType()))
}

// typeMismatch names both types instead of the value, which can be very long.
func typeMismatch(path *field.Path, name string, want, found ValueType) *field.Error {
	if found == "" {
		found = "null"
	}
	return field.TypeInvalid(path, found, fmt.Sprintf("param %q is of type %s, not %s", name, want, found))
}
