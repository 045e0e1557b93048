package validation

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// checkRef checks what all references have in common: either the name of an object, or a resolver with its params.
func checkRef(r *Report, path *field.Path, name string, ref *v1.ResolverRef) {
	switch {
	case ref.Resolver == "" && len(ref.Params) > 0:
		r.Add(field.Required(path.Child("resolver"), "params are for a resolver; say which"))
	case ref.Resolver == "":
		r.Add(checkObjectName(path.Child("name"), name)...)
	case name != "":
		r.Add(field.Forbidden(path.Child("name"), "give either name, or resolver with params, not both"))
	default:
		r.Add(checkLabel(path.Child("resolver"), ref.Resolver)...)
	}
	validateGiven(r, ref.Params, path.Child("params"))
}

func validateTaskRef(r *Report, t *v1.TaskRef, path *field.Path) {
	checkRef(r, path, t.Name, &t.ResolverRef)
	if t.Kind != "" && !strings.EqualFold(t.Kind, v1.KindTask) {
		r.Add(field.NotSupported(path.Child("kind"), shown(t.Kind), []string{v1.KindTask}))
	}
	r.Add(checkAPIVersion(path.Child("apiVersion"), t.APIVersion)...)
}

func validatePipelineRef(r *Report, p *v1.PipelineRef, path *field.Path) {
	checkRef(r, path, p.Name, &p.ResolverRef)
	r.Add(checkAPIVersion(path.Child("apiVersion"), p.APIVersion)...)
}

// checkAPIVersion accepts every version of the group: the API server converts between them.
func checkAPIVersion(path *field.Path, version string) field.ErrorList {
	if version == "" || strings.HasPrefix(version, v1.GroupName+"/") {
		return nil
	}
	return field.ErrorList{
		field.Invalid(path, shown(version), fmt.Sprintf("must be of the group %s, as in %s", v1.GroupName, v1.GroupVersion)),
	}
}

// checkObjectName refuses what cannot be the name of an object.
func checkObjectName(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "name the object to refer to")}
	}
	var errs field.ErrorList
	for _, msg := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(path, shown(name), msg))
	}
	return errs
}

func checkServiceAccount(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return nil
	}
	return checkObjectName(path, name)
}
