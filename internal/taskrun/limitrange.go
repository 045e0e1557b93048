package taskrun

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sluice-ci/sluice/internal/pod"
)

// fitLimitRanges sets the requests of a pod's containers so that the namespace's LimitRanges let the pod in, and so that it
// asks for no more than its steps need, which run one after the other while Kubernetes counts all containers at once:
//
//   - a step that requests nothing requests its share of the default request, and at least the minimum;
//   - a step that requests less than the minimum requests the minimum;
//   - a container that carries results requests the minimum, or nothing.
//
// Limits are left to Kubernetes, and so is everything about the task's sidecars. Only what LimitRanges say of containers
// counts. Of several, the largest minimum and the smallest default hold.
func fitLimitRanges(p *corev1.Pod, ranges []corev1.LimitRange) {
	bounds := boundsOf(ranges)
	if len(bounds) == 0 {
		return
	}
	steps := int64(len(pod.StepStatuses(p)))
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		isStep := slices.ContainsFunc(pod.StepStatuses(p), func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
		for name, b := range bounds {
			if isStep {
				b.fitStep(c, name, steps)
			} else {
				b.fitSidecar(c, name)
			}
		}
	}
}

// bound is the bounds of a namespace's LimitRanges for one resource of containers; nil means no bound.
type bound struct {
	least, request *resource.Quantity
	// ratio reports that the ratio of limits to requests is bounded.
	ratio bool
}

func boundsOf(ranges []corev1.LimitRange) map[corev1.ResourceName]bound {
	bounds := map[corev1.ResourceName]bound{}
	for i := range ranges {
		for _, item := range ranges[i].Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			for name, q := range item.Min {
				b := bounds[name]
				if b.least == nil || q.Cmp(*b.least) > 0 {
					b.least = &q
				}
				bounds[name] = b
			}
			for name, q := range item.DefaultRequest {
				b := bounds[name]
				if b.request == nil || q.Cmp(*b.request) < 0 {
					b.request = &q
				}
				bounds[name] = b
			}
			for name := range item.MaxLimitRequestRatio {
				b := bounds[name]
				b.ratio = true
				bounds[name] = b
			}
		}
	}
	return bounds
}

// fitStep sets the request of a step, of which the pod has this number.
func (b bound) fitStep(c *corev1.Container, name corev1.ResourceName, steps int64) {
	request, given := c.Resources.Requests[name]
	switch {
	case given:
	case b.request != nil:
		request = share(*b.request, name, steps)
	case b.least == nil:
		return
	}
	if b.least != nil && request.Cmp(*b.least) < 0 {
		request = *b.least
	}
	if limit, ok := c.Resources.Limits[name]; ok && !given && request.Cmp(limit) > 0 {
		request = limit // it may be below the minimum; Kubernetes then reports that
	}
	setRequest(c, name, request)
}

// fitSidecar keeps a container that needs almost nothing from requesting the default.
func (b bound) fitSidecar(c *corev1.Container, name corev1.ResourceName) {
	if _, given := c.Resources.Requests[name]; given || b.request == nil || b.ratio {
		return
	}
	if b.least != nil {
		setRequest(c, name, *b.least)
	} else {
		setRequest(c, name, *resource.NewQuantity(0, b.request.Format))
	}
}

// share divides a quantity by a number of containers: processors in thousandths, everything else in whole numbers.
func share(q resource.Quantity, name corev1.ResourceName, by int64) resource.Quantity {
	if name == corev1.ResourceCPU {
		return *resource.NewMilliQuantity(q.MilliValue()/by, q.Format)
	}
	return *resource.NewQuantity(q.Value()/by, q.Format)
}

func setRequest(c *corev1.Container, name corev1.ResourceName, q resource.Quantity) {
	if c.Resources.Requests == nil {
		c.Resources.Requests = corev1.ResourceList{}
	}
	c.Resources.Requests[name] = q
}
