package validation

import (
	"reflect"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// validateCustom checks the reference to a custom task, or the one that is written out. What it needs and produces is known to
// its controller only: params, workspaces and results are not checked.
func (p pipelineScope) validateCustom(path *field.Path, t *v1.PipelineTask) {
	if ref := t.TaskRef; ref.Custom() {
		validateCustomRef(p.Report, ref.Name, &ref.ResolverRef, path.Child("taskRef"))
		return
	}
	if !reflect.ValueOf(t.TaskSpec.TaskSpec).IsZero() {
		p.Warn(path.Child("taskSpec").String(), t.TaskSpec.Kind,
			"a custom task has apiVersion, kind, spec and metadata; its other fields have no effect")
	}
}

// validateCustomRef checks a reference to a custom task. Its kind alone can be enough.
func validateCustomRef(r *Report, name string, ref *v1.ResolverRef, path *field.Path) {
	switch {
	case ref.Resolver == "" && len(ref.Params) > 0:
		r.Add(field.Required(path.Child("resolver"), "params are for a resolver; say which"))
	case ref.Resolver != "" && name != "":
		r.Add(field.Forbidden(path.Child("name"), "give either name, or resolver with params, not both"))
	}
	validateGiven(r, ref.Params, path.Child("params"))
}

// checkNotCustom returns the errors of a task that is written out with only a part of what makes a custom task.
func checkNotCustom(path *field.Path, t *v1.EmbeddedTask) field.ErrorList {
	const needs = "a custom task needs apiVersion and kind"
	switch {
	case t.APIVersion == "" && (t.Kind != "" || t.Spec != nil):
		return field.ErrorList{field.Required(path.Child("apiVersion"), needs)}
	case t.Kind == "" && (t.APIVersion != "" || t.Spec != nil):
		return field.ErrorList{field.Required(path.Child("kind"), needs)}
	}
	return nil
}

// CustomRun checks the run; see ReportCustomRun.
func CustomRun(r *v1beta1.CustomRun) field.ErrorList {
	return Errors(func(report *Report) { ReportCustomRun(report, r) })
}

// ReportCustomRun checks a run of a custom task. The spec of the custom task is not checked: it belongs to another API.
func ReportCustomRun(report *Report, r *v1beta1.CustomRun) {
	path, spec := field.NewPath("spec"), &r.Spec
	report.Add(checkOneOf(path, "customRef", "customSpec", spec.CustomRef != nil, spec.CustomSpec != nil)...)
	if ref := spec.CustomRef; ref != nil {
		path := path.Child("customRef")
		report.Add(checkCustomKind(path, ref.APIVersion, ref.Kind)...)
		validateCustomRef(report, ref.Name, &ref.ResolverRef, path)
	}
	if embedded := spec.CustomSpec; embedded != nil {
		report.Add(checkCustomKind(path.Child("customSpec"), embedded.APIVersion, embedded.Kind)...)
	}
	validateGiven(report, spec.Params, path.Child("params"))
	validateBindings(report, spec.Workspaces, path.Child("workspaces"))
	report.Add(checkServiceAccount(path.Child("serviceAccountName"), spec.ServiceAccountName)...)
	report.Add(checkTimeout(path.Child("timeout"), spec.Timeout)...)
	report.Add(checkRetries(path.Child("retries"), spec.Retries)...)
	report.Add(checkFinal(path.Child("status"), string(spec.Status), []v1beta1.CustomRunSpecStatus{v1beta1.CustomRunSpecStatusCancelled})...)
	if spec.StatusMessage != "" && spec.Status == "" {
		report.Add(field.Forbidden(path.Child("statusMessage"), "it explains spec.status, which is not set"))
	}
}

// checkCustomKind returns the errors of the two fields that name the kind of a custom task.
func checkCustomKind(path *field.Path, apiVersion, kind string) field.ErrorList {
	var errs field.ErrorList
	if apiVersion == "" {
		errs = append(errs, field.Required(path.Child("apiVersion"), "name the API of the custom task, as in example.dev/v1"))
	}
	if kind == "" {
		errs = append(errs, field.Required(path.Child("kind"), "name the kind of the custom task"))
	}
	return errs
}
