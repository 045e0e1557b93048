package v1

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate checks the run by itself, and the task that is written out in it. Whether the params and workspaces are those
// of the task is for ValidateParams and ValidateWorkspaces to say, once the task is known.
func (r *TaskRun) Validate() field.ErrorList {
	path := field.NewPath("spec")
	spec := &r.Spec
	errs := checkOneOf(path, "taskRef", "taskSpec", spec.TaskRef != nil, spec.TaskSpec != nil)
	if spec.TaskRef != nil {
		errs = append(errs, spec.TaskRef.validate(path.Child("taskRef"))...)
	}
	if spec.TaskSpec != nil {
		outer := newScope()
		outer.addGiven(spec.Params)
		errs = append(errs, spec.TaskSpec.validate(path.Child("taskSpec"), outer)...)
	}
	errs = append(errs, validateGiven(spec.Params, path.Child("params"))...)
	errs = append(errs, validateBindings(spec.Workspaces, path.Child("workspaces"))...)
	errs = append(errs, checkServiceAccount(path.Child("serviceAccountName"), spec.ServiceAccountName)...)
	if t := spec.Timeout; t != nil && t.Duration < 0 {
		errs = append(errs, field.Invalid(path.Child("timeout"), t.Duration.String(), "must be 0, for none, or longer"))
	}
	return append(errs, r.Unsupported()...)
}

// Validate checks the run by itself, and the pipeline that is written out in it.
func (r *PipelineRun) Validate() field.ErrorList {
	path := field.NewPath("spec")
	spec := &r.Spec
	errs := checkOneOf(path, "pipelineRef", "pipelineSpec", spec.PipelineRef != nil, spec.PipelineSpec != nil)
	if spec.PipelineRef != nil {
		errs = append(errs, spec.PipelineRef.validate(path.Child("pipelineRef"))...)
	}
	if spec.PipelineSpec != nil {
		outer := newScope()
		outer.addGiven(spec.Params)
		errs = append(errs, spec.PipelineSpec.validate(path.Child("pipelineSpec"), outer)...)
	}
	errs = append(errs, validateGiven(spec.Params, path.Child("params"))...)
	errs = append(errs, validateBindings(spec.Workspaces, path.Child("workspaces"))...)
	account := path.Child("taskRunTemplate", "serviceAccountName")
	errs = append(errs, checkServiceAccount(account, spec.TaskRunTemplate.ServiceAccountName)...)
	return append(errs, r.Unsupported()...)
}

func (t *TaskRef) validate(path *field.Path) field.ErrorList {
	errs := checkObjectName(path.Child("name"), t.Name)
	if t.Kind != "" && !strings.EqualFold(t.Kind, KindTask) {
		errs = append(errs, field.NotSupported(path.Child("kind"), t.Kind, []string{KindTask}))
	}
	return append(errs, checkAPIVersion(path.Child("apiVersion"), t.APIVersion)...)
}

func (p *PipelineRef) validate(path *field.Path) field.ErrorList {
	return append(checkObjectName(path.Child("name"), p.Name), checkAPIVersion(path.Child("apiVersion"), p.APIVersion)...)
}

// checkAPIVersion accepts every version of the group: the API server converts between them.
func checkAPIVersion(path *field.Path, version string) field.ErrorList {
	if version == "" || strings.HasPrefix(version, GroupName+"/") {
		return nil
	}
	return field.ErrorList{field.Invalid(path, shown(version), fmt.Sprintf("must be of the group %s, as in %s", GroupName, GroupVersion))}
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
