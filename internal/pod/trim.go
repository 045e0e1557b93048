package pod

import corev1 "k8s.io/api/core/v1"

// Trim drops from a pod what no pass reads, so that a cache of many pods stays small: a step's script alone may have
// a megabyte. What stays is the metadata, the names of the containers, the arguments of the results sidecar and the
// status. It changes the pod; call it on objects that only the cache holds.
func Trim(p *corev1.Pod) {
	p.ManagedFields = nil
	p.Annotations = nil
	p.Spec.Volumes = nil
	p.Spec.Tolerations = nil
	p.Spec.InitContainers = trimmed(p.Spec.InitContainers)
	p.Spec.Containers = trimmed(p.Spec.Containers)
}

func trimmed(containers []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, len(containers))
	for i, c := range containers {
		slim[i].Name = c.Name
		if c.Name == ResultsContainer {
			slim[i].Args = c.Args
		}
	}
	return slim
}
