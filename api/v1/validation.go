package v1

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Rules for names. Those of params are the public API's: a param of type object, and its keys, cannot have dots, since a
// dot stands between the param and its key. A result's name is the name of its file.
var (
	paramName     = regexp.MustCompile(`^[A-Za-z_][-A-Za-z0-9_.]*$`)
	objectName    = regexp.MustCompile(`^[A-Za-z_][-A-Za-z0-9_]*$`)
	resultName    = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
	workspaceName = regexp.MustCompile(`^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$`)
)

// What messages say about these rules.
const (
	paramNameRule     = "must consist of letters, digits, '-', '_' and '.', and begin with a letter or '_'"
	objectNameRule    = "of an object must consist of letters, digits, '-' and '_', and begin with a letter or '_'"
	resultNameRule    = "must consist of letters, digits, '-', '_' and '.', and begin and end with a letter or a digit"
	workspaceNameRule = "must consist of letters, digits, '-', '_' and '.', and not begin or end with '-' or '.'"
)

// maxShown is how much of a wrong value a message repeats, in bytes: values can be a megabyte long.
const maxShown = 128

// shown shortens a value for a message.
func shown(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", s[:cut], len(s))
}

// maxListed is how many names a message lists.
const maxListed = 20

// listed writes names for a message: sorted, or "none".
func listed(names sets.Set[string]) string {
	sorted := sets.List(names)
	switch {
	case len(sorted) == 0:
		return "none"
	case len(sorted) > maxListed:
		return fmt.Sprintf("%s and %d more", strings.Join(sorted[:maxListed], ", "), len(sorted)-maxListed)
	}
	return strings.Join(sorted, ", ")
}

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

// checkName refuses a name that is missing or that does not follow a rule.
func checkName(path *field.Path, name string, valid *regexp.Regexp, rule string) field.ErrorList {
	switch {
	case name == "":
		return field.ErrorList{field.Required(path, "every one needs a name")}
	case !valid.MatchString(name):
		return field.ErrorList{field.Invalid(path, shown(name), "a name "+rule)}
	case len(name) > validation.DNS1123SubdomainMaxLength:
		return field.ErrorList{field.TooLong(path, shown(name), validation.DNS1123SubdomainMaxLength)}
	}
	return nil
}

// checkLabel refuses a name that cannot be part of a container's name or of a label.
func checkLabel(path *field.Path, name string, maxLength int) field.ErrorList {
	if len(name) > maxLength {
		return field.ErrorList{field.TooLong(path, shown(name), maxLength)}
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
func checkType(path *field.Path, t ValueType) field.ErrorList {
	switch t {
	case "", TypeString, TypeArray, TypeObject:
		return nil
	}
	return field.ErrorList{field.NotSupported(path, t, ValueTypes())}
}

// checkProperties refuses properties of anything but an object, an object without them, and keys that no variable could
// name.
func checkProperties(path *field.Path, t ValueType, properties map[string]PropertySpec) field.ErrorList {
	path = path.Child("properties")
	if t != TypeObject {
		if len(properties) == 0 {
			return nil
		}
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("only type object has properties, and the type is %s", t))}
	}
	if len(properties) == 0 {
		return field.ErrorList{field.Required(path, "type object needs the keys that it must have")}
	}
	var errs field.ErrorList
	for _, key := range sortedKeys(properties) {
		errs = append(errs, checkName(path.Key(key), key, objectName, objectNameRule)...)
		if t := properties[key].Type; t != "" && t != TypeString {
			errs = append(errs, field.NotSupported(path.Key(key).Child("type"), t, []ValueType{TypeString}))
		}
	}
	return errs
}
