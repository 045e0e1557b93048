package taskrun

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// stopPod ends the pod's containers without deleting the pod: its logs and its status stay for inspection. A pod
// whose active deadline has passed is stopped by its kubelet; one second is the shortest deadline there is.
func (r *Reconciler) stopPod(ctx context.Context, p *corev1.Pod) error {
	if p == nil || p.Spec.ActiveDeadlineSeconds != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return nil
	}
	// Another pod that has the name by now has another UID, which no patch can change: the API server refuses it.
	change := fmt.Appendf(nil, `{"metadata":{"uid":%q},"spec":{"activeDeadlineSeconds":1}}`, p.UID)
	err := r.client.Patch(ctx, p.DeepCopy(), client.RawPatch(types.MergePatchType, change))
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot stop pod %q: %w", p.Name, err)
	}
	return nil
}
