package pipelinerun

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// label writes the labels and annotations of the Pipeline to a run that has not started, and the labels by which clients find
// runs. It returns the run with them. It is one additional write, only for runs that do not have them yet.
func (r *Reconciler) label(ctx context.Context, pr *v1.PipelineRun, obs Observation) (*v1.PipelineRun, error) {
	known := pr.Status.StartTime != nil && pr.Status.PipelineSpec != nil
	awaited := obs.Resolving != nil && obs.Pipeline == nil // the labels of the Pipeline are not known yet
	if known || awaited || pr.Status.Done() || held(pr) || obs.CancelledBeforeStart {
		return pr, nil
	}
	meta := creation.PipelineRunMetadata(pr, obs.Pipeline, creation.Settings{Release: r.Release})
	if maps.Equal(meta.Labels, pr.Labels) && maps.Equal(meta.Annotations, pr.Annotations) {
		return pr, nil
	}
	after := pr.DeepCopy()
	after.Labels, after.Annotations = meta.Labels, meta.Annotations
	patch := client.MergeFromWithOptions(pr, client.MergeFromWithOptimisticLock{})
	err := r.Client.Patch(ctx, after, patch)
	switch {
	case err == nil:
		r.statuses.Writes.Record(after)
		labeled := *pr // the cache shares the run, and has more of it than the response
		labeled.ObjectMeta = after.ObjectMeta
		return &labeled, nil
	case reconcile.Classify(err) == reconcile.Rejected, reconcile.Classify(err) == reconcile.TooLarge:
		// Clients will not find the run by its Pipeline, but the run can still run.
		r.Recorder.Eventf(pr, nil, corev1.EventTypeWarning, reasonNotLabeled, "Reconcile",
			"cannot set the labels and annotations of the Pipeline: %s", reconcile.Note(err.Error()))
		return pr, nil
	default:
		return nil, fmt.Errorf("cannot label PipelineRun %q: %w", pr.Name, err)
	}
}
