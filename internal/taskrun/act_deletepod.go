package taskrun

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// deletePod deletes the pod of this run. A pod that has its name by now, with another UID, stays.
func (r *Reconciler) deletePod(ctx context.Context, p *corev1.Pod) error {
	if p == nil || p.DeletionTimestamp != nil {
		return nil
	}
	err := r.Client.Delete(ctx, p, client.Preconditions{UID: &p.UID})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot delete pod %q: %w", p.Name, err)
	}
	return nil
}
