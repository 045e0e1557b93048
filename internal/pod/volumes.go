package pod

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// volumes are those of the task, those of its workspaces, and ours: only what this task needs.
func (b *builder) volumes() []corev1.Volume {
	volumes := []corev1.Volume{b.binSource(), emptyDir(workspaceVolume), emptyDir(homeVolume)}
	for i := range b.Spec.Steps {
		volumes = append(volumes, emptyDir(runVolume(i)))
	}
	if len(b.Spec.Results) > 0 {
		volumes = append(volumes, emptyDir(resultsVolume))
	}
	if b.hasScript() {
		volumes = append(volumes, emptyDir(scriptsVolume))
	}
	for _, w := range b.Spec.Workspaces {
		if binding, ok := b.binding(w.Name); ok {
			volumes = append(volumes, corev1.Volume{Name: w.VolumeName(), VolumeSource: corev1.VolumeSource{
				EmptyDir: binding.EmptyDir, ConfigMap: binding.ConfigMap,
			}})
		}
	}
	return append(volumes, b.Spec.Volumes...)
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func (b *builder) binSource() corev1.Volume {
	if b.Delivery == InitContainer {
		return emptyDir(binVolume)
	}
	return corev1.Volume{Name: binVolume, VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{
		Reference: b.Image, PullPolicy: corev1.PullIfNotPresent,
	}}}
}

func (b *builder) binMount() []corev1.VolumeMount {
	mount := corev1.VolumeMount{Name: binVolume, MountPath: binDir, ReadOnly: true}
	if b.Delivery == ImageVolume {
		mount.SubPath = imageBinaryDir
	}
	return []corev1.VolumeMount{mount}
}

func (b *builder) hasScript() bool {
	return slices.ContainsFunc(b.Spec.Steps, func(s v1.Step) bool { return s.Script != "" }) ||
		slices.ContainsFunc(b.Spec.Sidecars, func(s v1.Sidecar) bool { return s.Script != "" })
}

// stepMounts are ours and the workspaces'. A step can write its own run directory only, so that it cannot say of
// another step that it has ended.
func (b *builder) stepMounts(s v1.Step, i int) []corev1.VolumeMount {
	mounts := append(b.binMount(), corev1.VolumeMount{Name: runVolume(i), MountPath: stepRunDir(i)})
	if i > 0 {
		mounts = append(mounts, corev1.VolumeMount{Name: runVolume(i - 1), MountPath: stepRunDir(i - 1), ReadOnly: true})
	}
	if len(b.Spec.Results) > 0 {
		mounts = append(mounts, corev1.VolumeMount{Name: resultsVolume, MountPath: ResultsDir})
	}
	if s.Script != "" {
		mounts = append(mounts, corev1.VolumeMount{Name: scriptsVolume, MountPath: scriptsDir})
	}
	mounts = append(mounts, b.workspaceMounts(s.VolumeMounts)...)
	return b.withImplicit(mounts, s.VolumeMounts)
}

// workspaceMounts are those of all bound workspaces, but for one at whose path a container mounts something itself.
func (b *builder) workspaceMounts(users []corev1.VolumeMount) []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	for _, w := range b.Spec.Workspaces {
		if binding, ok := b.binding(w.Name); ok && !mountsAt(users, w.Path()) {
			mounts = append(mounts, corev1.VolumeMount{
				Name: w.VolumeName(), MountPath: w.Path(), SubPath: binding.SubPath, ReadOnly: w.ReadOnly,
			})
		}
	}
	return mounts
}

// withImplicit adds the directories that every step has, unless the task mounts something else there. They stand
// first, because a workspace is usually mounted below one of them.
func (b *builder) withImplicit(mounts, users []corev1.VolumeMount) []corev1.VolumeMount {
	var implicit []corev1.VolumeMount
	for _, m := range []corev1.VolumeMount{
		{Name: workspaceVolume, MountPath: v1.WorkspacesDir},
		{Name: homeVolume, MountPath: homeDir},
	} {
		if !mountsAt(mounts, m.MountPath) && !mountsAt(users, m.MountPath) {
			implicit = append(implicit, m)
		}
	}
	return append(implicit, mounts...)
}

func mountsAt(mounts []corev1.VolumeMount, dir string) bool {
	return slices.ContainsFunc(mounts, func(m corev1.VolumeMount) bool {
		return cleaned(m.MountPath) == cleaned(dir)
	})
}

// cleaned is a path as the kernel takes it.
func cleaned(dir string) string { return path.Clean(dir) }

// binding is what the run gives to the workspace of this name; an optional one may have none.
func (b *builder) binding(workspace string) (v1.WorkspaceBinding, bool) {
	i := slices.IndexFunc(b.TaskRun.Spec.Workspaces, func(w v1.WorkspaceBinding) bool { return w.Name == workspace })
	if i < 0 {
		return v1.WorkspaceBinding{}, false
	}
	return b.TaskRun.Spec.Workspaces[i], true
}
