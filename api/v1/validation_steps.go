package v1

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of names: a container's name has at most 63 characters, of which "step-" and "sidecar-" take some.
const (
	maxStepName    = 58
	maxSidecarName = 55
)

const scriptAndCommand = "give either command or script, not both"

func (s *TaskSpec) validateSteps(path *field.Path, workspaces sets.Set[string]) field.ErrorList {
	if len(s.Steps) == 0 {
		return field.ErrorList{field.Required(path, "a task needs at least one step")}
	}
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.Steps {
		step, path := &s.Steps[i], path.Index(i)
		if step.Name != "" {
			errs = append(errs, checkLabel(path.Child("name"), step.Name, maxStepName)...)
		}
		errs = append(errs, unique.add(path.Child("name"), suffix(step.Name, i))...)
		if step.Ref == nil && (s.StepTemplate == nil || s.StepTemplate.Image == "") {
			errs = append(errs, requireImage(path, step.Image)...)
		}
		errs = append(errs, step.validate(path)...)
		errs = append(errs, validateUsages(path.Child("workspaces"), step.Workspaces, workspaces)...)
	}
	return errs
}

// validate checks what a step says by itself.
func (s *Step) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Script != "" && len(s.Command) > 0 {
		errs = append(errs, field.Forbidden(path.Child("script"), scriptAndCommand))
	}
	errs = append(errs, s.validateRef(path)...)
	errs = append(errs, checkPullPolicy(path, s.ImagePullPolicy)...)
	errs = append(errs, checkEnv(path.Child("env"), s.Env)...)
	errs = append(errs, checkResources(path.Child("computeResources"), s.ComputeResources)...)
	errs = append(errs, checkTimeout(path.Child("timeout"), s.Timeout)...)
	errs = append(errs, checkOnError(path.Child("onError"), s.OnError)...)
	errs = append(errs, checkOutput(path.Child("stdoutConfig"), s.StdoutConfig)...)
	errs = append(errs, checkOutput(path.Child("stderrConfig"), s.StderrConfig)...)
	errs = append(errs, validateStepResults(path.Child("results"), s.Results)...)
	return append(errs, validateWhen(path.Child("when"), s.When)...)
}

// validateRef refuses what cannot stand together with a reference to a StepAction, and params without one.
func (s *Step) validateRef(path *field.Path) field.ErrorList {
	if s.Ref == nil {
		if len(s.Params) > 0 {
			return field.ErrorList{field.Forbidden(path.Child("params"), "only a step with ref has params of its own; other steps see those of the task")}
		}
		return nil
	}
	errs := checkRef(path.Child("ref"), s.Ref.Name, &s.Ref.ResolverRef)
	errs = append(errs, validateGiven(s.Params, path.Child("params"))...)
	for _, own := range []struct {
		field string
		set   bool
	}{
		{"image", s.Image != ""},
		{"command", len(s.Command) > 0},
		{"args", len(s.Args) > 0},
		{"script", s.Script != ""},
		{"workingDir", s.WorkingDir != ""},
		{"env", len(s.Env) > 0},
		{"volumeMounts", len(s.VolumeMounts) > 0},
		{"results", len(s.Results) > 0},
	} {
		if own.set {
			errs = append(errs, field.Forbidden(path.Child(own.field), "the step has ref, and takes this from the StepAction"))
		}
	}
	return errs
}

func validateStepResults(path *field.Path, results []StepResult) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range results {
		result, path := &results[i], path.Index(i)
		errs = append(errs, unique.add(path.Child("name"), result.Name)...)
		errs = append(errs, validateResult(path, result.Name, result.Type, result.Properties)...)
	}
	return errs
}

func (s *StepTemplate) validate(path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := checkPullPolicy(path, s.ImagePullPolicy)
	errs = append(errs, checkEnv(path.Child("env"), s.Env)...)
	return append(errs, checkResources(path.Child("computeResources"), s.ComputeResources)...)
}

func (s *TaskSpec) validateSidecars(path *field.Path, workspaces sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.Sidecars {
		sidecar, path := &s.Sidecars[i], path.Index(i)
		switch sidecar.Name {
		case "":
		case ReservedSidecarName:
			errs = append(errs, field.Invalid(path.Child("name"), sidecar.Name, "reserved for the results sidecar; choose another name"))
		default:
			errs = append(errs, checkLabel(path.Child("name"), sidecar.Name, maxSidecarName)...)
		}
		errs = append(errs, unique.add(path.Child("name"), suffix(sidecar.Name, i))...)
		errs = append(errs, requireImage(path, sidecar.Image)...)
		errs = append(errs, sidecar.validate(path)...)
		errs = append(errs, validateUsages(path.Child("workspaces"), sidecar.Workspaces, workspaces)...)
	}
	return errs
}

// validate checks what a sidecar says by itself.
func (s *Sidecar) validate(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Script != "" && len(s.Command) > 0 {
		errs = append(errs, field.Forbidden(path.Child("script"), scriptAndCommand))
	}
	errs = append(errs, checkPullPolicy(path, s.ImagePullPolicy)...)
	errs = append(errs, checkEnv(path.Child("env"), s.Env)...)
	errs = append(errs, checkResources(path.Child("computeResources"), s.ComputeResources)...)
	if p := s.RestartPolicy; p != nil && *p != corev1.ContainerRestartPolicyAlways {
		errs = append(errs, field.NotSupported(path.Child("restartPolicy"), *p, []corev1.ContainerRestartPolicy{corev1.ContainerRestartPolicyAlways}))
	}
	policies := []corev1.TerminationMessagePolicy{corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError}
	if p := s.TerminationMessagePolicy; p != "" && !slices.Contains(policies, p) {
		errs = append(errs, field.NotSupported(path.Child("terminationMessagePolicy"), p, policies))
	}
	return errs
}

func pullPolicies() []corev1.PullPolicy {
	return []corev1.PullPolicy{corev1.PullAlways, corev1.PullNever, corev1.PullIfNotPresent}
}

func checkPullPolicy(path *field.Path, policy corev1.PullPolicy) field.ErrorList {
	if HasReference(string(policy)) {
		return nil
	}
	return checkFinal(path.Child("imagePullPolicy"), string(policy), pullPolicies())
}

// checkEnv refuses names that no environment can hold.
func checkEnv(path *field.Path, env []corev1.EnvVar) field.ErrorList {
	var errs field.ErrorList
	for i := range env {
		name := path.Index(i).Child("name")
		switch {
		case env[i].Name == "":
			errs = append(errs, field.Required(name, "every variable needs a name"))
		case strings.ContainsAny(env[i].Name, "=\x00"):
			errs = append(errs, field.Invalid(name, shown(env[i].Name), "the name of a variable must not contain '='"))
		case env[i].Value != "" && env[i].ValueFrom != nil:
			errs = append(errs, field.Forbidden(path.Index(i).Child("valueFrom"), "give either value or valueFrom, not both"))
		}
	}
	return errs
}

// checkResources refuses requests above their limits.
func checkResources(path *field.Path, resources corev1.ResourceRequirements) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(resources.Requests)) {
		request := resources.Requests[name]
		limit, limited := resources.Limits[name]
		if limited && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), request.String(), "must not be more than the limit, which is "+limit.String()))
		}
	}
	return errs
}

func checkTimeout(path *field.Path, timeout *metav1.Duration) field.ErrorList {
	if timeout == nil || timeout.Duration >= 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, timeout.Duration.String(), "must be 0, for none, or longer")}
}

func checkOnError(path *field.Path, onError OnError) field.ErrorList {
	if HasReference(string(onError)) {
		return nil
	}
	return checkFinal(path, string(onError), OnErrors())
}

func checkOutput(path *field.Path, output *StepOutputConfig) field.ErrorList {
	if output == nil || output.Path != "" {
		return nil
	}
	return field.ErrorList{field.Required(path.Child("path"), "say which file to write to")}
}
