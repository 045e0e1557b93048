package v1

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// breakpointEnabled is the one value of spec.debug.breakpoints.onFailure.
const breakpointEnabled = "enabled"

// Validate checks the run by itself, and the task that is written out in it. Fields that the controller does not act on
// yet are errors, too. Whether the params and workspaces are those of the task is for ValidateParams and
// ValidateWorkspaces to say, once the task is known.
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
		outer.addBound(spec.Workspaces)
		outer.volumesClosed = true
		if spec.PodTemplate != nil {
			outer.volumes = spec.PodTemplate.Volumes
		}
		errs = append(errs, spec.TaskSpec.validate(path.Child("taskSpec"), outer)...)
	}
	errs = append(errs, validateGiven(spec.Params, path.Child("params"))...)
	errs = append(errs, validateBindings(spec.Workspaces, path.Child("workspaces"))...)
	errs = append(errs, checkServiceAccount(path.Child("serviceAccountName"), spec.ServiceAccountName)...)
	errs = append(errs, checkTimeout(path.Child("timeout"), spec.Timeout)...)
	errs = append(errs, spec.PodTemplate.validate(path.Child("podTemplate"))...)
	errs = append(errs, checkRetries(path.Child("retries"), spec.Retries)...)
	errs = append(errs, spec.validateStatus(path)...)
	errs = append(errs, spec.validateOverrides(path)...)
	errs = append(errs, spec.validateDebug(path.Child("debug", "breakpoints"))...)
	errs = append(errs, checkManagedBy(path.Child("managedBy"), spec.ManagedBy)...)
	return append(errs, r.Unsupported()...)
}

func (s *TaskRunSpec) validateStatus(path *field.Path) field.ErrorList {
	errs := checkFinal(path.Child("status"), string(s.Status), TaskRunSpecStatuses())
	if s.StatusMessage != "" && s.Status == "" {
		errs = append(errs, field.Forbidden(path.Child("statusMessage"), "it explains spec.status, which is not set"))
	}
	return errs
}

func (s *TaskRunSpec) validateOverrides(path *field.Path) field.ErrorList {
	o := overrides{s.ComputeResources, s.StepSpecs, s.SidecarSpecs}
	if s.TaskSpec == nil {
		return o.validate(path, nil, nil)
	}
	return o.validate(path, stepNames(s.TaskSpec.Steps), sidecarNames(s.TaskSpec.Sidecars))
}

// overrides are what a run says of the containers of its task.
type overrides struct {
	resources *corev1.ResourceRequirements
	steps     []TaskRunStepSpec
	sidecars  []TaskRunSidecarSpec
}

// validate checks the overrides; the names of the steps and sidecars that there are may be nil, when they are not known.
func (o overrides) validate(path *field.Path, steps, sidecars sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	if o.resources != nil {
		errs = append(errs, checkResources(path.Child("computeResources"), *o.resources)...)
		for i := range o.steps {
			if r := o.steps[i].ComputeResources; len(r.Requests)+len(r.Limits) > 0 {
				errs = append(errs, field.Forbidden(path.Child("stepSpecs").Index(i).Child("computeResources"), "give resources either for the whole task, in spec.computeResources, or for its steps, not both"))
			}
		}
	}
	check := func(list, noun string, n int, at func(i int) (string, corev1.ResourceRequirements), known sets.Set[string]) {
		unique := newUniqueNames()
		for i := range n {
			name, resources := at(i)
			path := path.Child(list).Index(i)
			errs = append(errs, unique.add(path.Child("name"), name)...)
			errs = append(errs, checkResources(path.Child("computeResources"), resources)...)
			if known == nil {
				continue
			}
			if problem := unknown(noun, name, known); problem != "" {
				errs = append(errs, field.Invalid(path.Child("name"), shown(name), problem))
			}
		}
	}
	check("stepSpecs", "step", len(o.steps), func(i int) (string, corev1.ResourceRequirements) {
		return o.steps[i].Name, o.steps[i].ComputeResources
	}, steps)
	check("sidecarSpecs", "sidecar", len(o.sidecars), func(i int) (string, corev1.ResourceRequirements) {
		return o.sidecars[i].Name, o.sidecars[i].ComputeResources
	}, sidecars)
	return errs
}

func (s *TaskRunSpec) validateDebug(path *field.Path) field.ErrorList {
	if s.Debug == nil || s.Debug.Breakpoints == nil {
		return nil
	}
	points := s.Debug.Breakpoints
	errs := checkFinal(path.Child("onFailure"), points.OnFailure, []string{breakpointEnabled})
	unique := newUniqueNames()
	for i, name := range points.BeforeSteps {
		at := path.Child("beforeSteps").Index(i)
		errs = append(errs, unique.add(at, name)...)
		if s.TaskSpec == nil {
			continue
		}
		if problem := unknown("step", name, stepNames(s.TaskSpec.Steps)); problem != "" {
			errs = append(errs, field.Invalid(at, shown(name), problem))
		}
	}
	return errs
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

func (p *PodTemplate) validate(path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	errs := mountCheck{final: true, volumes: sets.New[string]()}.checkVolumes(path.Child("volumes"), p.Volumes)
	errs = append(errs, checkEnv(path.Child("env"), p.Env)...)
	policies := []corev1.DNSPolicy{corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet, corev1.DNSDefault, corev1.DNSNone}
	if d := p.DNSPolicy; d != nil && !slices.Contains(policies, *d) {
		errs = append(errs, field.NotSupported(path.Child("dnsPolicy"), *d, policies))
	}
	return errs
}
