package validation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// breakpointEnabled is the one value of spec.debug.breakpoints.onFailure.
const breakpointEnabled = "enabled"

// TaskRun checks the run; see ReportTaskRun.
func TaskRun(r *v1.TaskRun) field.ErrorList {
	return Errors(func(report *Report) { ReportTaskRun(report, r) })
}

// ReportTaskRun checks the run alone, with its embedded task. Fields that the controller does not support yet are errors too.
// Params and Workspaces check later, when the task is known, that the params and workspaces are those of the task.
func ReportTaskRun(report *Report, r *v1.TaskRun) {
	path := field.NewPath("spec")
	spec := &r.Spec
	report.Add(checkOneOf(path, "taskRef", "taskSpec", spec.TaskRef != nil, spec.TaskSpec != nil)...)
	if spec.TaskRef != nil {
		validateTaskRef(report, spec.TaskRef, path.Child("taskRef"))
	}
	if spec.TaskSpec != nil {
		outer := newScope(report)
		outer.open = true
		outer.addGiven(spec.Params)
		outer.addBound(spec.Workspaces)
		outer.volumesClosed = true
		if spec.PodTemplate != nil {
			outer.volumes = spec.PodTemplate.Volumes
		}
		validateTaskSpec(spec.TaskSpec, path.Child("taskSpec"), outer)
	}
	validateGiven(report, spec.Params, path.Child("params"))
	validateBindings(report, spec.Workspaces, path.Child("workspaces"))
	report.Add(checkServiceAccount(path.Child("serviceAccountName"), spec.ServiceAccountName)...)
	report.Add(checkTimeout(path.Child("timeout"), spec.Timeout)...)
	validatePodTemplate(report, spec.PodTemplate, path.Child("podTemplate"))
	report.Add(checkRetries(path.Child("retries"), spec.Retries)...)
	report.Add(validateRunStatus(spec, path)...)
	validateTaskRunOverrides(report, spec, path)
	validateDebug(report, spec, path.Child("debug", "breakpoints"))
	report.Add(checkManagedBy(path.Child("managedBy"), spec.ManagedBy)...)
}

func validateRunStatus(s *v1.TaskRunSpec, path *field.Path) field.ErrorList {
	errs := checkFinal(path.Child("status"), string(s.Status), v1.TaskRunSpecStatuses())
	if s.StatusMessage != "" && s.Status == "" {
		errs = append(errs, field.Forbidden(path.Child("statusMessage"), "it explains spec.status, which is not set"))
	}
	return errs
}

func validateTaskRunOverrides(r *Report, s *v1.TaskRunSpec, path *field.Path) {
	o := overrides{s.ComputeResources, s.StepSpecs, s.SidecarSpecs}
	if s.TaskSpec == nil {
		o.validate(r, path, nil, nil)
		return
	}
	o.validate(r, path, stepNames(s.TaskSpec.Steps), sidecarNames(s.TaskSpec.Sidecars))
}

// overrides are what a run says of the containers of its task.
type overrides struct {
	resources *corev1.ResourceRequirements
	steps     []v1.TaskRunStepSpec
	sidecars  []v1.TaskRunSidecarSpec
}

// validate checks the overrides; the names of the steps and sidecars that there are may be nil, when they are not known.
func (o overrides) validate(r *Report, path *field.Path, steps, sidecars *nameSet) {
	if o.resources != nil {
		r.Add(checkResources(path.Child("computeResources"), *o.resources)...)
		for i := range r.each(len(o.steps)) {
			if own := o.steps[i].ComputeResources; len(own.Requests)+len(own.Limits) > 0 {
				r.Add(field.Forbidden(path.Child("stepSpecs").Index(i).Child("computeResources"),
					"give resources either for the whole task, in spec.computeResources, or for its steps, not both"))
			}
		}
	}
	check := func(list, noun string, n int, at func(i int) (string, corev1.ResourceRequirements), known *nameSet) {
		unique := newUniqueNames()
		for i := range r.each(n) {
			name, resources := at(i)
			path := path.Child(list).Index(i)
			r.Add(unique.add(path.Child("name"), name)...)
			r.Add(checkResources(path.Child("computeResources"), resources)...)
			if known == nil {
				continue
			}
			r.warnUnknown(path.Child("name"), name, known.unknown(noun, name))
		}
	}
	check("stepSpecs", "step", len(o.steps), func(i int) (string, corev1.ResourceRequirements) {
		return o.steps[i].Name, o.steps[i].ComputeResources
	}, steps)
	check("sidecarSpecs", "sidecar", len(o.sidecars), func(i int) (string, corev1.ResourceRequirements) {
		return o.sidecars[i].Name, o.sidecars[i].ComputeResources
	}, sidecars)
}

// warnUnknown warns about a setting for a container that the task does not have, if there is a problem.
func (r *Report) warnUnknown(path *field.Path, name, problem string) {
	if problem != "" {
		r.Warn(path.String(), name, problem+"; the setting has no effect")
	}
}

func validateDebug(r *Report, s *v1.TaskRunSpec, path *field.Path) {
	if s.Debug == nil || s.Debug.Breakpoints == nil {
		return
	}
	points := s.Debug.Breakpoints
	r.Add(checkFinal(path.Child("onFailure"), points.OnFailure, []string{breakpointEnabled})...)
	var known *nameSet
	if s.TaskSpec != nil {
		known = stepNames(s.TaskSpec.Steps)
	}
	unique := newUniqueNames()
	for i := range r.each(len(points.BeforeSteps)) {
		name, at := points.BeforeSteps[i], path.Child("beforeSteps").Index(i)
		r.Add(unique.add(at, name)...)
		if known != nil {
			r.warnUnknown(at, name, known.unknown("step", name))
		}
	}
}

func checkRetries(path *field.Path, retries int) field.ErrorList {
	if retries >= 0 && retries <= maxRetries {
		return nil
	}
	return field.ErrorList{field.Invalid(path, retries, "must be from 0 to 1000")}
}

// maxRetries is also in the schema. Each attempt takes room in the status of the run.
const maxRetries = 1000

func checkManagedBy(path *field.Path, managedBy *string) field.ErrorList {
	if managedBy == nil {
		return nil
	}
	return validation.IsDomainPrefixedPath(path, *managedBy)
}

func validatePodTemplate(r *Report, p *v1.PodTemplate, path *field.Path) {
	if p == nil {
		return
	}
	mountCheck{Report: r, final: true, volumes: &volumeNames{}}.checkVolumes(path.Child("volumes"), p.Volumes)
	checkEnv(r, path.Child("env"), p.Env)
	policies := []corev1.DNSPolicy{corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet, corev1.DNSDefault, corev1.DNSNone}
	if d := p.DNSPolicy; d != nil && !slices.Contains(policies, *d) {
		r.Add(field.NotSupported(path.Child("dnsPolicy"), corev1.DNSPolicy(shown(string(*d))), policies))
	}
}
