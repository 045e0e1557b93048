package pod

import (
	"path"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// volumes returns the volumes of the task, its workspaces, the pod's template and the system, as far as this task needs them.
func (b *builder) volumes() []corev1.Volume {
	volumes := []corev1.Volume{b.binSource(), emptyDir(workspaceVolume), emptyDir(homeVolume)}
	for i, step := range b.Spec.Steps {
		volumes = append(volumes, emptyDir(runVolume(i)))
		if step.Script != "" {
			volumes = append(volumes, emptyDir(numbered(scriptVolumePrefix, i)))
		}
		if b.needsCredentials(step) {
			volumes = append(volumes, inMemory(numbered(credentialsVolumePrefix, i)))
		}
	}
	for i, sidecar := range b.Spec.Sidecars {
		if wrapped(sidecar) {
			volumes = append(volumes, emptyDir(numbered(sidecarRunVolumePrefix, i)))
		}
		if sidecar.Script != "" {
			volumes = append(volumes, emptyDir(numbered(sidecarScriptVolumePrefix, i)))
		}
	}
	if ofTask(b.results) {
		volumes = append(volumes, emptyDir(resultsVolume))
	}
	if b.Documents.Task {
		volumes = append(volumes, emptyDir(artifactsVolume))
	}
	volumes = append(volumes, b.workloadVolumes()...)
	volumes = append(volumes, b.secretVolumes()...)
	volumes = append(volumes, b.workspaceVolumes()...)
	return slices.Concat(volumes, b.Spec.Volumes, b.template.Volumes)
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

// inMemory returns a volume that is never written to a disk.
func inMemory(name string) corev1.Volume {
	volume := emptyDir(name)
	volume.EmptyDir.Medium = corev1.StorageMediumMemory
	return volume
}

func (b *builder) binSource() corev1.Volume {
	if b.Delivery == InitContainer {
		return emptyDir(binVolume)
	}
	return corev1.Volume{Name: binVolume, VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{
		Reference: b.stepImage(), PullPolicy: corev1.PullIfNotPresent,
	}}}
}

func (b *builder) binMount() []corev1.VolumeMount {
	mount := corev1.VolumeMount{Name: binVolume, MountPath: podpaths.BinDir, ReadOnly: true}
	if b.Delivery == ImageVolume {
		mount.SubPath = imageBinaryDir
	}
	return []corev1.VolumeMount{mount}
}

// stepMounts returns the mounts of the system and the workspaces. A step can write only to its own run directory, so it
// cannot forge the end or the results of another step. No other step can write its script.
func (b *builder) stepMounts(s v1.Step, i int) []corev1.VolumeMount {
	mounts := append(b.binMount(), corev1.VolumeMount{Name: runVolume(i), MountPath: stepRunDir(i)})
	if i > 0 {
		mounts = append(mounts, corev1.VolumeMount{Name: runVolume(i - 1), MountPath: stepRunDir(i - 1), ReadOnly: true})
	}
	mounts = append(mounts, b.stepDirMounts(s, i)...)
	if b.debugged(s, i) {
		mounts = append(mounts, corev1.VolumeMount{Name: runVolume(i), MountPath: podpaths.DebugDir})
	}
	if ofTask(b.results) {
		mounts = append(mounts, corev1.VolumeMount{Name: resultsVolume, MountPath: podpaths.ResultsDir})
	}
	if b.Documents.Task {
		mounts = append(mounts, corev1.VolumeMount{Name: artifactsVolume, MountPath: podpaths.ArtifactsDir})
	}
	if s.Script != "" {
		mounts = append(mounts, corev1.VolumeMount{Name: numbered(scriptVolumePrefix, i), MountPath: podpaths.ScriptsDir})
	}
	if b.Signing != nil {
		mounts = append(mounts, corev1.VolumeMount{Name: workloadVolume, MountPath: podpaths.WorkloadDir, ReadOnly: true})
	}
	mounts = append(mounts, b.credentialMounts(s, i)...)
	mounts = append(mounts, b.workspaceMounts(s.Workspaces, s.VolumeMounts)...)
	return b.withImplicit(mounts, s.VolumeMounts)
}

// stepDirMounts returns mounts of a step's directory, and those of the previous steps. They are the run directories under the
// names that users know, and also under the numbers of steps.
func (b *builder) stepDirMounts(s v1.Step, i int) []corev1.VolumeMount {
	if len(b.Spec.Steps) == 1 && len(s.Results) == 0 && !b.Documents.has(i) && !mentions(s, podpaths.StepsDir) {
		return nil
	}
	numbers := mentions(s, podpaths.StepsDir+"/")
	var mounts []corev1.VolumeMount
	for j := range i + 1 {
		dirs := []string{podpaths.StepDir(podpaths.StepContainer(b.Spec.Steps[j], j))}
		if numbers {
			dirs = append(dirs, podpaths.StepsDir+"/"+strconv.Itoa(j))
		}
		for _, dir := range dirs {
			mounts = append(mounts, corev1.VolumeMount{Name: runVolume(j), MountPath: dir, ReadOnly: j < i})
		}
	}
	return mounts
}

// withImplicit adds the directories that every step has, unless the task mounts something else there. They come first,
// because a workspace is usually mounted below one of them.
func (b *builder) withImplicit(mounts, users []corev1.VolumeMount) []corev1.VolumeMount {
	var implicit []corev1.VolumeMount
	for _, m := range []corev1.VolumeMount{
		{Name: workspaceVolume, MountPath: v1.WorkspacesDir},
		{Name: homeVolume, MountPath: podpaths.HomeDir},
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

// cleaned returns a path as the kernel interprets it.
func cleaned(dir string) string { return path.Clean(dir) }
