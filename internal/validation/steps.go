package validation

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

const scriptAndCommand = "give either command or script, not both"

func validateSteps(r *Report, s *v1.TaskSpec, path *field.Path, workspaces *nameSet) {
	if len(s.Steps) == 0 {
		r.Add(field.Required(path, "a task needs at least one step"))
		return
	}
	unique := newUniqueNames()
	for i := range r.each(len(s.Steps)) {
		step, path := &s.Steps[i], path.Index(i)
		if step.Name != "" {
			r.Add(checkLabel(path.Child("name"), step.Name)...)
		}
		r.Add(unique.add(path.Child("name"), suffix(step.Name, i))...)
		if step.Ref == nil && (s.StepTemplate == nil || s.StepTemplate.Image == "") {
			r.Add(requireImage(path, step.Image)...)
		}
		validateStep(r, step, path)
		validateUsages(r, path.Child("workspaces"), step.Workspaces, workspaces)
	}
}

// validateStep checks a step alone.
func validateStep(r *Report, s *v1.Step, path *field.Path) {
	if s.Script != "" && len(s.Command) > 0 {
		r.Add(field.Forbidden(path.Child("script"), scriptAndCommand))
	}
	validateStepRef(r, s, path)
	r.Add(checkPullPolicy(path, s.ImagePullPolicy)...)
	checkEnv(r, path.Child("env"), s.Env)
	r.AddAtRun(checkResources(path.Child("computeResources"), s.ComputeResources)...)
	r.Add(checkTimeout(path.Child("timeout"), s.Timeout)...)
	r.Add(checkOnError(path.Child("onError"), s.OnError)...)
	r.AddAtRun(checkOutput(path.Child("stdoutConfig"), s.StdoutConfig, false)...)
	r.AddAtRun(checkOutput(path.Child("stderrConfig"), s.StderrConfig, false)...)
	validateStepResults(r, path.Child("results"), s.Results)
	validateWhen(r, path.Child("when"), s.When)
}

// validateStepRef refuses what cannot stand together with a reference to a StepAction, and params without one.
func validateStepRef(r *Report, s *v1.Step, path *field.Path) {
	if s.Ref == nil {
		if len(s.Params) > 0 {
			r.Add(field.Forbidden(path.Child("params"), "only a step with ref has its own params; other steps use those of the task"))
		}
		return
	}
	checkRef(r, path.Child("ref"), s.Ref.Name, &s.Ref.ResolverRef)
	validateGiven(r, s.Params, path.Child("params"))
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
			r.Add(field.Forbidden(path.Child(own.field), "the step has ref, and takes this from the StepAction"))
		}
	}
}

func validateStepResults(r *Report, path *field.Path, results []v1.StepResult) {
	unique := newUniqueNames()
	for i := range r.each(len(results)) {
		result, path := &results[i], path.Index(i)
		unique.warn(r, path.Child("name"), result.Name)
		validateResult(r, path, result.Name, result.Type, result.Properties)
	}
}

func validateStepTemplate(r *Report, s *v1.StepTemplate, path *field.Path) {
	if s == nil {
		return
	}
	r.Add(checkPullPolicy(path, s.ImagePullPolicy)...)
	checkEnv(r, path.Child("env"), s.Env)
	r.AddAtRun(checkResources(path.Child("computeResources"), s.ComputeResources)...)
}

func validateSidecars(r *Report, s *v1.TaskSpec, path *field.Path, workspaces *nameSet) {
	unique := newUniqueNames()
	for i := range r.each(len(s.Sidecars)) {
		sidecar, path := &s.Sidecars[i], path.Index(i)
		switch sidecar.Name {
		case "":
		case v1.ReservedSidecarName:
			r.Add(field.Invalid(path.Child("name"), sidecar.Name, "reserved for the results sidecar; choose another name"))
		default:
			r.Add(checkSidecarName(path.Child("name"), sidecar.Name)...)
		}
		r.Add(unique.add(path.Child("name"), suffix(sidecar.Name, i))...)
		r.Add(requireImage(path, sidecar.Image)...)
		validateSidecar(r, sidecar, path)
		validateUsages(r, path.Child("workspaces"), sidecar.Workspaces, workspaces)
	}
}

// validateSidecar checks a sidecar alone.
func validateSidecar(r *Report, s *v1.Sidecar, path *field.Path) {
	if s.Script != "" && len(s.Command) > 0 {
		r.Add(field.Forbidden(path.Child("script"), scriptAndCommand))
	}
	r.Add(checkPullPolicy(path, s.ImagePullPolicy)...)
	checkEnv(r, path.Child("env"), s.Env)
	r.AddAtRun(checkResources(path.Child("computeResources"), s.ComputeResources)...)
	if p := s.RestartPolicy; p != nil && *p != corev1.ContainerRestartPolicyAlways {
		r.Add(field.NotSupported(path.Child("restartPolicy"), corev1.ContainerRestartPolicy(shown(string(*p))),
			[]corev1.ContainerRestartPolicy{corev1.ContainerRestartPolicyAlways}))
	}
	policies := []corev1.TerminationMessagePolicy{corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError}
	if p := s.TerminationMessagePolicy; p != "" && !slices.Contains(policies, p) {
		r.Add(field.NotSupported(path.Child("terminationMessagePolicy"), corev1.TerminationMessagePolicy(shown(string(p))), policies))
	}
}

func pullPolicies() []corev1.PullPolicy {
	return []corev1.PullPolicy{corev1.PullAlways, corev1.PullNever, corev1.PullIfNotPresent}
}

func checkPullPolicy(path *field.Path, policy corev1.PullPolicy) field.ErrorList {
	if variables.HasReference(string(policy)) {
		return nil
	}
	return checkFinal(path.Child("imagePullPolicy"), string(policy), pullPolicies())
}

// checkEnv refuses names that no environment can hold.
func checkEnv(r *Report, path *field.Path, env []corev1.EnvVar) {
	for i := range r.each(len(env)) {
		name := path.Index(i).Child("name")
		switch {
		case env[i].Name == "":
			r.AddAtRun(field.Required(name, "every variable needs a name"))
		case strings.ContainsAny(env[i].Name, "=\x00"):
			r.AddAtRun(field.Invalid(name, shown(env[i].Name), "the name of a variable must not contain '='"))
		case env[i].Value != "" && env[i].ValueFrom != nil:
			r.AddAtRun(field.Forbidden(path.Index(i).Child("valueFrom"), "give either value or valueFrom, not both"))
		}
	}
}

// checkResources refuses requests above their limits.
func checkResources(path *field.Path, resources corev1.ResourceRequirements) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(resources.Requests)) {
		request := resources.Requests[name]
		limit, limited := resources.Limits[name]
		if limited && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(shown(string(name))), request.String(),
				"must not be more than the limit, which is "+limit.String()))
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

func checkOnError(path *field.Path, onError v1.OnError) field.ErrorList {
	if variables.HasReference(string(onError)) {
		return nil
	}
	return checkFinal(path, string(onError), v1.OnErrors())
}

// checkOutput refuses a file that no output can be written to. Before substitution, final is false, and a path that holds a
// variable says nothing yet. A relative path is below the step's working directory.
func checkOutput(path *field.Path, output *v1.StepOutputConfig, final bool) field.ErrorList {
	if output == nil || !final && variables.HasReference(output.Path) {
		return nil
	}
	path = path.Child("path")
	switch to := output.Path; {
	case to == "":
		return field.ErrorList{field.Required(path, "say which file to write to")}
	case strings.ContainsRune(to, 0):
		return field.ErrorList{field.Invalid(path, shown(to), "the path of a file cannot contain a NUL byte")}
	case strings.HasSuffix(to, "/") || to == "." || to == ".." || strings.HasSuffix(to, "/.") || strings.HasSuffix(to, "/.."):
		return field.ErrorList{field.Invalid(path, shown(to), "must be the path of a file, and this is one of a directory")}
	}
	return nil
}
