package taskrun

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// recordSidecars writes the last states of the sidecars of an ended run, once. A run ends with its last step; the kubelet stops the
// sidecars after that, and clients would see them as running without end. Nothing else in the status of an ended run changes.
func (r *Reconciler) recordSidecars(ctx context.Context, tr *v1.TaskRun, p *corev1.Pod) error {
	states := lastSidecars(tr, p)
	if states == nil {
		return nil
	}
	// Another run with this name has another UID, which no patch can change: the API server refuses the patch.
	change, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": tr.UID}, "status": map[string]any{"sidecars": states},
	})
	if err != nil {
		return fmt.Errorf("cannot encode the states of the sidecars of TaskRun %q: %w", tr.Name, err)
	}
	err = r.Client.Status().Patch(ctx, tr.DeepCopy(), client.RawPatch(types.MergePatchType, change))
	if err != nil && reconcile.Classify(err) == reconcile.Transient {
		return fmt.Errorf("cannot write the states of the sidecars of TaskRun %q: %w", tr.Name, err)
	}
	return nil // also if the object has no room for them, or is gone: its outcome is complete without them
}

// lastSidecars returns the sidecars of an ended run with their last states; nil if its pod has not ended, or if the status has them.
func lastSidecars(tr *v1.TaskRun, p *corev1.Pod) []v1.SidecarState {
	if p == nil || tr.Status.StartTime == nil || !podEnded(p) {
		return nil
	}
	last := slices.Clone(tr.Status.Sidecars)
	for _, state := range sidecarStates(nil, p, *tr.Status.StartTime) {
		at := slices.IndexFunc(last, func(s v1.SidecarState) bool { return s.Container == state.Container })
		if at >= 0 && last[at].Terminated == nil {
			last[at] = state
		}
	}
	if equality.Semantic.DeepEqual(last, tr.Status.Sidecars) {
		return nil
	}
	return last
}
