package pod

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// Trim drops from a pod what no pass reads, so that a cache of many pods stays small: a step's script alone may have
// a megabyte. What stays is the metadata, the names of the containers and their memory limits, which init containers run on
// beside the others, the arguments of the containers beside the steps, how the results come back, when the pod was stopped,
// and the status. It changes the pod; call it on objects that only the cache holds.
func Trim(p *corev1.Pod) {
	p.ManagedFields = nil
	if at, stopped := p.Annotations[v1.AnnotationStoppedAt]; stopped {
		p.Annotations = map[string]string{v1.AnnotationStoppedAt: at}
	} else {
		p.Annotations = nil
	}
	p.Spec.Volumes = nil
	p.Spec.Tolerations = nil
	p.Spec.InitContainers = slimmed(p.Spec.InitContainers)
	p.Spec.Containers = trimmed(p.Spec.Containers)
}

// slimmed keeps the names, the restart policies, which tell native sidecars from other init containers, and the memory
// limits.
func slimmed(containers []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, len(containers))
	for i, c := range containers {
		slim[i].Name, slim[i].RestartPolicy = c.Name, c.RestartPolicy
		if limit, ok := c.Resources.Limits[corev1.ResourceMemory]; ok {
			slim[i].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: limit}
		}
	}
	return slim
}

func trimmed(containers []corev1.Container) []corev1.Container {
	slim := slimmed(containers)
	for i, c := range containers {
		switch from, ok := optionOf(c.Args, resultsFromArg); {
		case !podpaths.IsStep(c.Name):
			slim[i].Args = c.Args
		case ok:
			slim[i].Args = []string{resultsFromArg, from}
		}
	}
	return slim
}
