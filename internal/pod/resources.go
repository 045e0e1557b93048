package pod

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// stepResources are the compute resources of the step at index i. What the run says of the whole task takes the place of
// what the task says of its steps: the steps run one after the other, so each may use as much as the task may, but for
// the scheduler they are there all at once, so each asks for a part. What the run says of the step alone is merged over
// what the task says.
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

// part is what the step at index i of n gets of the resources of a whole task. Without a request there is one of the
// size of the limit, as Kubernetes has it.
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

// divided is one of n parts that together are the whole; the first one takes what is left over.
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

// The keys of the default resources that are no names of containers.
const (
	defaultKey   = "default"
	prefixedKeys = "prefix-"
)

// defaultResources gives containers that have no resources those of the installation.
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

// lookUp finds the default of a container: that of its name, else of the longest prefix of its name, else the default of
// all.
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
