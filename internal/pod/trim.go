package pod

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// Trim drops everything from a pod that the controller does not read, so that a cache of many pods stays small: the script of
// a step alone can have a megabyte. It keeps the metadata; the names, memory limits and restart policies of containers; the
// arguments of containers other than steps; how the results are transported; when the pod was stopped; whether its first
// step may start; and the status. It changes the pod, so call it only on objects that only the cache holds.
func Trim(p *corev1.Pod) {
	partial.Pod.Put(p)
	p.ManagedFields = nil
	p.Annotations = read(p.Annotations)
	p.Spec.Volumes = nil
	p.Spec.Tolerations = nil
	p.Spec.InitContainers = slimmed(p.Spec.InitContainers)
	p.Spec.Containers = trimmed(p.Spec.Containers)
}

// read returns the annotations that the controller reads; nil if there are none.
func read(all map[string]string) map[string]string {
	var kept map[string]string
	for _, key := range []string{v1.AnnotationStoppedAt, v1.AnnotationSteps} {
		if value, ok := all[key]; ok {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[key] = value
		}
	}
	return kept
}

// slimmed keeps the names, the memory limits, and the restart policies with the number of their rules. They distinguish native sidecars
// and init containers that are restarted from other init containers.
func slimmed(containers []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, len(containers))
	for i, c := range containers {
		slim[i].Name, slim[i].RestartPolicy = c.Name, c.RestartPolicy
		if n := len(c.RestartPolicyRules); n > 0 {
			slim[i].RestartPolicyRules = make([]corev1.ContainerRestartRule, n)
		}
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
