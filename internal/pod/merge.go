package pod

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Merged returns a copy of a task in which each step has the fields of the step template that it does not set itself. The
// copy has no step template, so merging it again changes nothing.
//
// Env is merged by name, volume mounts by path, compute resources by resource, and the security context by field. The
// template's command is for steps with neither command nor script, its args are for steps without args.
func Merged(spec *v1.TaskSpec) *v1.TaskSpec {
	merged := spec.DeepCopy()
	merged.StepTemplate = nil
	if spec.StepTemplate == nil {
		return merged
	}
	for i := range merged.Steps {
		// Each step gets a copy, because later changes must not be shared.
		mergeStep(&merged.Steps[i], spec.StepTemplate.DeepCopy())
	}
	return merged
}

func mergeStep(s *v1.Step, t *v1.StepTemplate) {
	if s.Image == "" {
		s.Image = t.Image
	}
	if s.ImagePullPolicy == "" {
		s.ImagePullPolicy = t.ImagePullPolicy
	}
	if s.WorkingDir == "" {
		s.WorkingDir = t.WorkingDir
	}
	if len(s.Command) == 0 && s.Script == "" {
		s.Command = t.Command
	}
	if len(s.Args) == 0 {
		s.Args = t.Args
	}
	if len(s.EnvFrom) == 0 {
		s.EnvFrom = t.EnvFrom
	}
	s.Env = overlaid(t.Env, s.Env, func(e corev1.EnvVar) string { return e.Name })
	s.VolumeMounts = overlaid(t.VolumeMounts, s.VolumeMounts, func(m corev1.VolumeMount) string { return cleaned(m.MountPath) })
	s.VolumeDevices = overlaid(t.VolumeDevices, s.VolumeDevices, func(d corev1.VolumeDevice) string { return cleaned(d.DevicePath) })
	s.ComputeResources = mergedResources(t.ComputeResources, s.ComputeResources)
	s.SecurityContext = mergedSecurity(t.SecurityContext, s.SecurityContext)
}

// overlaid returns the elements of both lists. If both have an element with the same key, that of over replaces the one below
// in its position. So an env value that refers to another variable still follows it.
func overlaid[E any](below, over []E, key func(E) string) []E {
	if len(below) == 0 {
		return over
	}
	merged := slices.Clone(below)
	at := make(map[string]int, len(below)+len(over))
	for i, e := range slices.Backward(below) { // the first of equal elements is the one that is replaced
		at[key(e)] = i
	}
	for _, e := range over {
		if i, ok := at[key(e)]; ok {
			merged[i] = e
			continue
		}
		at[key(e)] = len(merged)
		merged = append(merged, e)
	}
	return merged
}

// mergedResources returns each resource of over, and those of below that over does not set.
func mergedResources(below, over corev1.ResourceRequirements) corev1.ResourceRequirements {
	merged := *below.DeepCopy()
	merged.Requests = mergedList(merged.Requests, over.Requests)
	merged.Limits = mergedList(merged.Limits, over.Limits)
	merged.Claims = overlaid(merged.Claims, over.Claims, func(c corev1.ResourceClaim) string { return c.Name })
	return merged
}

func mergedList(below, over corev1.ResourceList) corev1.ResourceList {
	if len(below) == 0 {
		return over
	}
	merged := maps.Clone(below)
	maps.Copy(merged, over)
	return merged
}

// mergedSecurity returns each field of over, and those of below that over does not set.
func mergedSecurity(below, over *corev1.SecurityContext) *corev1.SecurityContext {
	if below == nil || over == nil {
		return first(over, below)
	}
	merged := over.DeepCopy()
	merged.Privileged = first(over.Privileged, below.Privileged)
	merged.Capabilities = mergedCapabilities(below.Capabilities, over.Capabilities)
	merged.SELinuxOptions = first(over.SELinuxOptions, below.SELinuxOptions)
	merged.WindowsOptions = first(over.WindowsOptions, below.WindowsOptions)
	merged.RunAsUser = first(over.RunAsUser, below.RunAsUser)
	merged.RunAsGroup = first(over.RunAsGroup, below.RunAsGroup)
	merged.RunAsNonRoot = first(over.RunAsNonRoot, below.RunAsNonRoot)
	merged.ReadOnlyRootFilesystem = first(over.ReadOnlyRootFilesystem, below.ReadOnlyRootFilesystem)
	merged.AllowPrivilegeEscalation = first(over.AllowPrivilegeEscalation, below.AllowPrivilegeEscalation)
	merged.ProcMount = first(over.ProcMount, below.ProcMount)
	merged.SeccompProfile = first(over.SeccompProfile, below.SeccompProfile)
	merged.AppArmorProfile = first(over.AppArmorProfile, below.AppArmorProfile)
	return merged
}

func mergedCapabilities(below, over *corev1.Capabilities) *corev1.Capabilities {
	if below == nil || over == nil {
		return first(over, below)
	}
	merged := over.DeepCopy()
	if merged.Add == nil {
		merged.Add = below.Add
	}
	if merged.Drop == nil {
		merged.Drop = below.Drop
	}
	return merged
}

// first returns the first pointer that is set.
func first[T any](pointers ...*T) *T {
	for _, p := range pointers {
		if p != nil {
			return p
		}
	}
	return nil
}
