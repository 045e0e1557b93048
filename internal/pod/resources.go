package pod

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// stepResources returns the compute resources of the step at index i. Resources of the run for the whole task replace those
// of the task's steps: the steps run one after the other, so each may use as much as the task may. The scheduler adds up all
// containers, so each step requests only a part. Resources of the run for the step are merged over those of the task.
func (b *builder) stepResources(s v1.Step, i int) corev1.ResourceRequirements {
	if whole := b.TaskRun.Spec.ComputeResources; whole != nil {
		return part(*whole, i, len(b.Spec.Steps))
	}
	for _, spec := range b.TaskRun.Spec.StepSpecs {
		if spec.Name == s.Name && s.Name != "" {
			return mergedResources(s.ComputeResources, spec.ComputeResources)
		}
	}
	return s.ComputeResources
}

func (b *builder) sidecarResources(s v1.Sidecar) corev1.ResourceRequirements {
	for _, spec := range b.TaskRun.Spec.SidecarSpecs {
		if spec.Name == s.Name && s.Name != "" {
			return mergedResources(s.ComputeResources, spec.ComputeResources)
		}
	}
	return s.ComputeResources
}

// part returns the share of the step at index i of n in the resources of a whole task. Without a request, the request is the
// limit, as in Kubernetes.
func part(whole corev1.ResourceRequirements, i, n int) corev1.ResourceRequirements {
	requests := mergedList(whole.Limits, whole.Requests)
	share := corev1.ResourceRequirements{Limits: whole.Limits.DeepCopy(), Claims: slices.Clone(whole.Claims)}
	for name, quantity := range requests {
		if share.Requests == nil {
			share.Requests = corev1.ResourceList{}
		}
		share.Requests[name] = divided(name, quantity, i, n)
	}
	return share
}

// divided returns one of n parts of a quantity; the first one includes the remainder.
func divided(name corev1.ResourceName, whole resource.Quantity, i, n int) resource.Quantity {
	count, of := int64(n), whole.Value()
	if name == corev1.ResourceCPU {
		of = whole.MilliValue()
	}
	share := of / count
	if i == 0 {
		share += of % count
	}
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(share, whole.Format)
	}
	return *resource.NewQuantity(share, whole.Format)
}

// The keys of the default resources that are not names of containers.
const (
	defaultKey   = "default"
	prefixedKeys = "prefix-"
)

// defaultResources sets the resources of the installation for containers without resources.
func defaultResources(pod *corev1.Pod, defaults map[string]corev1.ResourceRequirements) {
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if len(c.Resources.Requests) == 0 && len(c.Resources.Limits) == 0 {
				if found, ok := lookUp(defaults, c.Name); ok {
					c.Resources = *found.DeepCopy()
				}
			}
		}
	}
}

// lookUp finds the default of a container: by its name, else by the longest prefix of its name, else the general default.
func lookUp(defaults map[string]corev1.ResourceRequirements, container string) (corev1.ResourceRequirements, bool) {
	if found, ok := defaults[container]; ok {
		return found, true
	}
	longest := ""
	for key := range defaults {
		prefix, ok := strings.CutPrefix(key, prefixedKeys)
		if ok && strings.HasPrefix(container, prefix+"-") && len(key) > len(longest) {
			longest = key
		}
	}
	if longest != "" {
		return defaults[longest], true
	}
	found, ok := defaults[defaultKey]
	return found, ok
}
