package taskrun

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/partial"
)

// Trim drops from a TaskRun what no reconcile reads, so that a cache of many runs stays small. An ended run keeps its
// metadata and its outcome; readers of its results use the API server. It changes the run, so call it only on objects that
// only the cache holds.
func Trim(tr *v1.TaskRun) {
	if !tr.Status.Done() {
		objectsize.TrimManagedFields(tr) // their length counts until the results are written
		return
	}
	partial.FinishedTaskRun.Put(tr)
	tr.ManagedFields = nil
	cloudevents.Trim(tr.Status.Annotations)
	delete(tr.Annotations, corev1.LastAppliedConfigAnnotation)
	tr.Spec.Params, tr.Spec.TaskSpec = nil, nil
	tr.Status.Artifacts = nil
	tr.Status.Results, tr.Status.TaskSpec, tr.Status.Steps, tr.Status.RetriesStatus = nil, nil, nil, nil
}
