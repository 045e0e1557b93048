package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// workspaceVolumes returns the volumes that the run binds.
func (b *builder) workspaceVolumes() []corev1.Volume {
	var volumes []corev1.Volume
	for _, w := range b.Spec.Workspaces {
		if binding, ok := b.binding(w.Name); ok {
			volumes = append(volumes, corev1.Volume{Name: w.VolumeName(), VolumeSource: b.workspaceSource(binding)})
		}
	}
	return volumes
}

func (b *builder) workspaceSource(binding v1.WorkspaceBinding) corev1.VolumeSource {
	source := corev1.VolumeSource{
		EmptyDir: binding.EmptyDir, PersistentVolumeClaim: binding.PersistentVolumeClaim, ConfigMap: binding.ConfigMap,
		Secret: binding.Secret, Projected: binding.Projected, CSI: binding.CSI,
	}
	if binding.VolumeClaimTemplate != nil {
		// The component that creates the pod also creates the claim.
		source.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: ClaimName(b.TaskRun, binding.Name)}
	}
	return source
}

// workspaceMounts returns the mounts of all bound workspaces, except at a path where the container has its own mount. A
// workspace that any container lists is mounted only in the containers that list it, at their paths.
func (b *builder) workspaceMounts(usages []v1.WorkspaceUsage, users []corev1.VolumeMount) []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	for _, w := range b.Spec.Workspaces {
		dir := w.Path()
		i := slices.IndexFunc(usages, func(u v1.WorkspaceUsage) bool { return u.Name == w.Name })
		if i < 0 && b.isolated(w.Name) {
			continue
		}
		if i >= 0 && usages[i].MountPath != "" {
			dir = usages[i].MountPath
		}
		if binding, ok := b.binding(w.Name); ok && !mountsAt(users, dir) {
			mounts = append(mounts, corev1.VolumeMount{
				Name: w.VolumeName(), MountPath: dir, SubPath: binding.SubPath, ReadOnly: w.ReadOnly,
			})
		}
	}
	return mounts
}

// isolated reports whether any step or sidecar lists a workspace.
func (b *builder) isolated(workspace string) bool {
	lists := func(usages []v1.WorkspaceUsage) bool {
		return slices.ContainsFunc(usages, func(u v1.WorkspaceUsage) bool { return u.Name == workspace })
	}
	return slices.ContainsFunc(b.Spec.Steps, func(s v1.Step) bool { return lists(s.Workspaces) }) ||
		slices.ContainsFunc(b.Spec.Sidecars, func(s v1.Sidecar) bool { return lists(s.Workspaces) })
}

// binding returns the run's binding of this workspace; an optional one may have none.
func (b *builder) binding(workspace string) (v1.WorkspaceBinding, bool) {
	i := slices.IndexFunc(b.TaskRun.Spec.Workspaces, func(w v1.WorkspaceBinding) bool { return w.Name == workspace })
	if i < 0 {
		return v1.WorkspaceBinding{}, false
	}
	return b.TaskRun.Spec.Workspaces[i], true
}
