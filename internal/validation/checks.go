package validation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Rules for names. Those of params are the public API's: a param of type object, and its keys, cannot have dots, since a
// dot stands between the param and its key. A result's name is the name of its file.
var (
	paramName     = regexp.MustCompile(`^[A-Za-z_][-A-Za-z0-9_.]*$`)
	objectName    = regexp.MustCompile(`^[A-Za-z_][-A-Za-z0-9_]*$`)
	resultName    = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
	sidecarName   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	workspaceName = regexp.MustCompile(`^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$`)
)

// What messages say about these rules.
const (
	paramNameRule     = "must consist of letters, digits, '-', '_' and '.', and begin with a letter or '_'"
	objectNameRule    = "of an object must consist of letters, digits, '-' and '_', and begin with a letter or '_'"
	resultNameRule    = "must consist of letters, digits, '-', '_' and '.', and begin and end with a letter or a digit"
	sidecarNameRule   = "must consist of lower-case letters, digits and '-', and begin and end with a letter or a digit"
	workspaceNameRule = "must consist of letters, digits, '-', '_' and '.', and not begin or end with '-' or '.'"
)

// uniqueNames refuses a name that is given twice.
type uniqueNames struct {
	seen sets.Set[string]
	fold bool
}

// newUniqueNames returns a check that takes names as different that differ in the case of letters.
func newUniqueNames() uniqueNames { return uniqueNames{seen: sets.New[string]()} }

// newUniqueFoldedNames returns a check that takes names as the same that differ in the case of letters only, as the
// public API does for params.
func newUniqueFoldedNames() uniqueNames { return uniqueNames{seen: sets.New[string](), fold: true} }

func (u uniqueNames) add(path *field.Path, name string) field.ErrorList {
	key := name
	if u.fold {
		key = strings.ToLower(name)
	}
	if u.seen.Has(key) {
		return field.ErrorList{field.Duplicate(path, shown(name))}
	}
	u.seen.Insert(key)
	return nil
}

// checkSpelling refuses a name that is missing or that does not follow a rule.
func checkSpelling(path *field.Path, name string, valid *regexp.Regexp, rule string) field.ErrorList {
	switch {
	case name == "":
		return field.ErrorList{field.Required(path, "every one needs a name")}
	case !valid.MatchString(name):
		return field.ErrorList{field.Invalid(path, shown(name), "a name "+rule)}
	}
	return nil
}

// checkName is like checkSpelling, for a name that is also that of a file or a folder.
func checkName(path *field.Path, name string, valid *regexp.Regexp, rule string) field.ErrorList {
	if errs := checkSpelling(path, name, valid, rule); len(errs) > 0 || len(name) <= maxName {
		return errs
	}
	return field.ErrorList{field.TooLong(path, shown(name), maxName)}
}

// maxName is the maximum length of the names that the schemas limit so, in bytes. The name of a file can have 255.
const maxName = validation.DNS1123SubdomainMaxLength

// checkSidecarName refuses a name that cannot be part of the name of a container. The latter is shortened if it is too long.
func checkSidecarName(path *field.Path, name string) field.ErrorList {
	if len(name) > maxName {
		return field.ErrorList{field.TooLong(path, shown(name), maxName)}
	}
	return checkSpelling(path, name, sidecarName, sidecarNameRule)
}

// checkLabel refuses a name that cannot be part of a container's name or of a label.
func checkLabel(path *field.Path, name string) field.ErrorList {
	if len(name) > validation.DNS1123LabelMaxLength {
		return field.ErrorList{field.TooLong(path, shown(name), validation.DNS1123LabelMaxLength)}
	}
	var errs field.ErrorList
	for _, msg := range validation.IsDNS1123Label(name) {
		errs = append(errs, field.Invalid(path, shown(name), msg))
	}
	return errs
}

// checkOneOf refuses a run or a pipeline's task that has both or none of a reference and a spec.
func checkOneOf(path *field.Path, ref, spec string, hasRef, hasSpec bool) field.ErrorList {
	switch {
	case hasRef && hasSpec:
		return field.ErrorList{field.Forbidden(path.Child(ref), "give either "+ref+" or "+spec+", not both")}
	case !hasRef && !hasSpec:
		return field.ErrorList{field.Required(path.Child(ref), "give "+ref+" or "+spec)}
	}
	return nil
}

// checkType refuses a type that does not exist. Left out, it is inferred later.
func checkType(path *field.Path, t v1.ValueType) field.ErrorList {
	switch t {
	case "", v1.TypeString, v1.TypeArray, v1.TypeObject:
		return nil
	}
	return field.ErrorList{field.NotSupported(path, v1.ValueType(shown(string(t))), v1.ValueTypes())}
}

// checkProperties refuses properties of anything but an object, an object without them, and keys that no variable could
// name.
func checkProperties(r *Report, path *field.Path, t v1.ValueType, properties map[string]v1.PropertySpec) {
	path = path.Child("properties")
	if t != v1.TypeObject {
		if len(properties) > 0 {
			r.Add(field.Forbidden(path, fmt.Sprintf("only type object has properties, and the type is %s", shown(string(t)))))
		}
		return
	}
	if len(properties) == 0 {
		r.Add(field.Required(path, "type object needs the keys that it must have"))
		return
	}
	keys := slices.Sorted(maps.Keys(properties))
	for i := range r.each(len(keys)) {
		path := path.Key(shown(keys[i]))
		r.Add(checkSpelling(path, keys[i], objectName, objectNameRule)...)
		if t := properties[keys[i]].Type; t != "" && t != v1.TypeString {
			r.Add(field.NotSupported(path.Child("type"), v1.ValueType(shown(string(t))), []v1.ValueType{v1.TypeString}))
		}
	}
}
