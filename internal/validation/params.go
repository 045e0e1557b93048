package validation

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// validateParamSpecs checks declarations of params. Listed reports that those of type object must list their keys. As in Tekton,
// they need not in pipelines, and in what is embedded in another object.
func validateParamSpecs(r *Report, specs []v1.ParamSpec, path *field.Path, listed bool) {
	unique := newUniqueFoldedNames()
	for i := range r.each(len(specs)) {
		r.Add(unique.add(path.Index(i).Child("name"), specs[i].Name)...)
		validateParamSpec(r, &specs[i], path.Index(i), listed)
	}
}

func validateParamSpec(r *Report, p *v1.ParamSpec, path *field.Path, listed bool) {
	declared := p.ValueType()
	valid, rule := paramName, paramNameRule
	if declared == v1.TypeObject {
		valid, rule = objectName, objectNameRule
	}
	r.Add(checkSpelling(path.Child("name"), p.Name, valid, rule)...)
	r.Add(checkType(path.Child("type"), p.Type)...)
	if listed || declared != v1.TypeObject || len(p.Properties) > 0 {
		checkProperties(r, path, declared, p.Properties)
	}
	if p.Default != nil && p.Default.Type != declared {
		r.Add(typeMismatch(path.Child("default"), p.Name, declared, p.Default.Type))
	}
	validateEnum(r, p, path, declared)
}

// validateEnum checks the values that a param may have, and that its default is one of them.
func validateEnum(r *Report, p *v1.ParamSpec, path *field.Path, declared v1.ValueType) {
	if len(p.Enum) == 0 {
		return
	}
	if declared != v1.TypeString {
		r.Add(field.Forbidden(path.Child("enum"), fmt.Sprintf("only type string has an enum, and the type is %s", shown(string(declared)))))
		return
	}
	unique := newUniqueNames()
	for i := range r.each(len(p.Enum)) {
		r.Add(unique.add(path.Child("enum").Index(i), p.Enum[i])...)
	}
	if p.Default != nil && p.Default.Type == v1.TypeString {
		r.Add(checkEnum(p, path.Child("default"), p.Default.String)...)
	}
}

// checkEnum refuses a value that is not one of those that the param may have. The message lists the first of them.
func checkEnum(p *v1.ParamSpec, path *field.Path, value string) field.ErrorList {
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

// validateGiven checks values alone, before the params that they are for are known.
func validateGiven(r *Report, given []v1.Param, path *field.Path) {
	unique, handed := newUniqueFoldedNames(), newUniqueNames()
	for i := range r.each(len(given)) {
		name := path.Index(i).Child("name")
		r.Add(checkSpelling(name, given[i].Name, paramName, paramNameRule)...)
		if strings.HasPrefix(given[i].Name, variables.RootTasks+".") {
			r.Add(handed.add(name, given[i].Name)...) // called like a result, whose name keeps the case of its letters
			continue
		}
		r.Add(unique.add(name, given[i].Name)...)
	}
}

// Params checks the values that a run gives against what its task or pipeline declares. A param that has no
// value is an error of type field.ErrorTypeRequired, one of the wrong type of type field.ErrorTypeTypeInvalid; an object
// may leave out the keys that its default fills in.
//
// Values that nothing declares are accepted: the public documentation of TaskRuns and of PipelineRuns allows them
// ("Extra Parameters"), so that a system which generates runs need not look at each task, and tasks written out in a run
// use them by name (propagated parameters).
func Params(declared []v1.ParamSpec, given []v1.Param, path *field.Path) field.ErrorList {
	byName := make(map[string]int, len(given))
	for i := range given {
		byName[given[i].Name] = i
	}
	return Errors(func(r *Report) {
		for i := range r.each(len(declared)) {
			spec := &declared[i]
			at, ok := byName[spec.Name]
			if !ok || given[at].Value.Type == "" {
				r.Add(validateAbsentParam(spec, path)...)
				continue
			}
			r.Add(validateParamValue(spec, path.Index(at).Child("value"), given[at].Value)...)
		}
	})
}

// validateAbsentParam checks a param that is given no value.
func validateAbsentParam(p *v1.ParamSpec, path *field.Path) field.ErrorList {
	if p.Default == nil {
		return field.ErrorList{missingParam(path, p)}
	}
	return validateParamKeys(p, path, *p.Default)
}

func validateParamValue(p *v1.ParamSpec, path *field.Path, value v1.Value) field.ErrorList {
	if want := p.ValueType(); value.Type != want {
		return field.ErrorList{typeMismatch(path, p.Name, want, value.Type)}
	}
	if value.Type == v1.TypeString {
		return checkEnum(p, path, value.String)
	}
	return validateParamKeys(p, path, value)
}

// validateParamKeys refuses an object that lacks a key which its properties demand and its default does not fill in.
func validateParamKeys(p *v1.ParamSpec, path *field.Path, value v1.Value) field.ErrorList {
	if p.ValueType() != v1.TypeObject {
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
	lacks := field.Required(path, fmt.Sprintf("object param %q lacks the keys: %s", shown(p.Name), &missing))
	return field.ErrorList{lacks.WithOrigin(OriginParamKeys)}
}

func missingParam(path *field.Path, spec *v1.ParamSpec) *field.Error {
	return field.Required(path, fmt.Sprintf("missing param %q of type %s: declared without a default",
		shown(spec.Name), shown(string(spec.ValueType()))))
}

// typeMismatch names both types instead of the value, which can be very long.
func typeMismatch(path *field.Path, name string, want, found v1.ValueType) *field.Error {
	if found == "" {
		found = "null"
	}
	return field.TypeInvalid(path, v1.ValueType(shown(string(found))), fmt.Sprintf("param %q is of type %s, not %s",
		shown(name), shown(string(want)), shown(string(found))))
}
