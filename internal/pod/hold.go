package pod

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// holdFile is the file of the first step that has the value of v1.AnnotationSteps.
const holdFile = "steps"

// holds reports whether the controller may hold the step at index i: the first one, because the others wait for it.
func (b *builder) holds(i int) bool { return b.Settings.AwaitInjected && i == 0 }

// holdArgs returns the option that makes the first step read whether it may start.
func (b *builder) holdArgs(i int) []string {
	if !b.holds(i) {
		return nil
	}
	return []string{option("hold", podpaths.DownwardDir+"/"+holdFile)}
}

// holdMounts returns the mount of that file.
func (b *builder) holdMounts(i int) []corev1.VolumeMount {
	if !b.holds(i) {
		return nil
	}
	return []corev1.VolumeMount{{Name: downwardVolume, MountPath: podpaths.DownwardDir, ReadOnly: true}}
}

// holdVolumes returns the volume of that file. The kubelet writes the value of the annotation again when it changes.
func (b *builder) holdVolumes() []corev1.Volume {
	if !b.Settings.AwaitInjected {
		return nil
	}
	field := &corev1.ObjectFieldSelector{FieldPath: fmt.Sprintf("metadata.annotations['%s']", v1.AnnotationSteps)}
	return []corev1.Volume{{Name: downwardVolume, VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{
		Items: []corev1.DownwardAPIVolumeFile{{Path: holdFile, FieldRef: field}},
	}}}}
}
