package pod

import (
	corev1 "k8s.io/api/core/v1"
)

// Trim drops from a pod what no pass reads, so that a cache of many pods stays small: a step's script alone may have
// a megabyte. What stays is the metadata, the names of the containers, the arguments of those that carry the results, how
// the results come back, and the status. It changes the pod; call it on objects that only the cache holds.
func Trim(p *corev1.Pod) {
	p.ManagedFields = nil
	p.Annotations = nil
	p.Spec.Volumes = nil
	p.Spec.Tolerations = nil
	p.Spec.InitContainers = namesOnly(p.Spec.InitContainers)
	p.Spec.Containers = trimmed(p.Spec.Containers)
}

// namesOnly keeps the names only.
func namesOnly(containers []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, len(containers))
	for i, c := range containers {
		slim[i].Name = c.Name
	}
	return slim
}

func trimmed(containers []corev1.Container) []corev1.Container {
	slim := namesOnly(containers)
	for i, c := range containers {
		switch from, ok := optionOf(c.Args, resultsFromArg); {
		case !isStep(c.Name):
			slim[i].Args = c.Args
		case ok:
			slim[i].Args = []string{resultsFromArg, from}
		}
	}
	return slim
}
