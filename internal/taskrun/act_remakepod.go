package taskrun

import (
	"context"
	"fmt"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// remakePod lets the next reconcile make the pod of the current attempt again. The count is written first: if the status
// cannot be written after it, the same pod counts twice, and the limit holds.
func (r *Reconciler) remakePod(ctx context.Context, tr *v1.TaskRun) (Effect, error) {
	message := vanishMessage(tr)
	after := tr.DeepCopy()
	after.Annotations = maps.Clone(tr.Annotations)
	if after.Annotations == nil {
		after.Annotations = map[string]string{}
	}
	after.Annotations[v1.AnnotationPodsRemade] = remadeNote(tr)
	err := r.Client.Patch(ctx, after, client.MergeFromWithOptions(tr, client.MergeFromWithOptimisticLock{}))
	switch {
	case err == nil:
		tr.ObjectMeta = after.ObjectMeta
		r.statuses.Writes.Record(after)
		r.Transports.Forget(keyOf(tr)) // what was read of the pod that is gone
		return Effect{Remade: true, Waiting: &WaitReason{v1.TaskRunReasonPending, message}}, nil
	case reconcile.Classify(err) == reconcile.Rejected, reconcile.Classify(err) == reconcile.TooLarge:
		return Effect{Outcome: failed(v1.TaskRunReasonPodDeleted, fmt.Sprintf(
			"pod %q was removed, and is not made again: the API server refuses annotation %q: %v",
			tr.Status.PodName, v1.AnnotationPodsRemade, err))}, nil
	default:
		return Effect{}, fmt.Errorf("cannot annotate TaskRun %q: %w", tr.Name, err)
	}
}
