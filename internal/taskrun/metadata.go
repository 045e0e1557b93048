package taskrun

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/annotations"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// labels returns the labels for the run: its own, those of its Task, and the one by which clients find the runs of a Task.
// The labels of the run take precedence.
func labels(tr *v1.TaskRun, task Task) map[string]string {
	all := map[string]string{}
	maps.Copy(all, task.Labels)
	if task.Name != "" {
		all[v1.LabelTask] = name.Label(task.Name)
	}
	maps.Copy(all, tr.Labels)
	return all
}

// allAnnotations returns the annotations for the run: its own, and those of its Task that are not about the Task itself. If
// together they exceed the limit of an object, only the run's own are used.
func allAnnotations(tr *v1.TaskRun, task Task) map[string]string {
	all := annotations.Inherited(task.Annotations)
	delete(all, v1.AnnotationResultsFrom) // the method is already chosen, and is in the status
	maps.Copy(all, tr.Annotations)
	if validation.ValidateAnnotationsSize(all) != nil {
		return tr.Annotations
	}
	return all
}

// propagateLabels writes the labels and annotations of the Task to the run, before the status records anything of the Task. It is
// one additional write, only for runs that do not have them yet.
func (r *Reconciler) propagateLabels(ctx context.Context, tr *v1.TaskRun, task Task) error {
	if tr.Status.Provenance != nil || attempt(tr) > 0 || task.Name == "" {
		return nil
	}
	after := tr.DeepCopy()
	after.Labels, after.Annotations = labels(tr, task), allAnnotations(tr, task)
	if maps.Equal(after.Labels, tr.Labels) && maps.Equal(after.Annotations, tr.Annotations) {
		return nil
	}
	err := r.Client.Patch(ctx, after, client.MergeFromWithOptions(tr, client.MergeFromWithOptimisticLock{}))
	switch {
	case err == nil:
		tr.ObjectMeta = after.ObjectMeta
		r.statuses.Writes.Record(after)
		return nil
	case reconcile.Classify(err) == reconcile.Rejected, reconcile.Classify(err) == reconcile.TooLarge:
		// Clients will not find the run by its Task, but the run can still run.
		r.Recorder.Eventf(tr, nil, corev1.EventTypeWarning, "NotLabelled",
			"Reconcile", "cannot take over the labels of Task %q: %v", task.Name, err)
		return nil
	default:
		return fmt.Errorf("cannot label TaskRun %q: %w", tr.Name, err)
	}
}
