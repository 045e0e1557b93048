package taskrun

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// stopPod ends the pod's containers without deleting the pod: its logs and its status stay for inspection. A pod
// whose active deadline has passed is stopped by its kubelet; one second is the shortest deadline there is.
func (r *Reconciler) stopPod(ctx context.Context, p *corev1.Pod) error {
	if p == nil || p.Spec.ActiveDeadlineSeconds != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return nil
	}
	stopped := p.DeepCopy()
	stopped.Spec.ActiveDeadlineSeconds = new(int64(1))
	err := r.client.Patch(ctx, stopped, client.MergeFrom(p))
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot stop pod %q: %w", p.Name, err)
	}
	return nil
}
