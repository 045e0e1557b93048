package pod

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// holdFile is the file of the first step that has the value of v1.AnnotationSteps.
const holdFile = "steps"

// Hold makes the first step of a pod that Build returned wait until v1.AnnotationSteps has another value than v1.StepsHeld. The
// kubelet writes the value into a file of the step, and again when it changes. Only a pod that is held has this volume, because
// each volume costs the kubelet and the container runtime processor time. The other steps wait for the first one.
func Hold(p *corev1.Pod) {
	p.Annotations[v1.AnnotationSteps] = v1.StepsHeld
	field := &corev1.ObjectFieldSelector{FieldPath: fmt.Sprintf("metadata.annotations['%s']", v1.AnnotationSteps)}
	p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: downwardVolume, VolumeSource: corev1.VolumeSource{
		DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{Path: holdFile, FieldRef: field}}},
	}})
	i := slices.IndexFunc(p.Spec.Containers, func(c corev1.Container) bool { return podpaths.IsStep(c.Name) })
	first := &p.Spec.Containers[i]
	addArgs(first, option("hold", podpaths.DownwardDir+"/"+holdFile))
	first.VolumeMounts = append(first.VolumeMounts,
		corev1.VolumeMount{Name: downwardVolume, MountPath: podpaths.DownwardDir, ReadOnly: true})
}
