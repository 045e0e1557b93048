package taskrun

import (
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// Trim drops from a TaskRun what no pass reads, so that a cache of many runs stays small. A run that has ended keeps
// its metadata and its outcome; who needs its results reads them from the API server. It changes the run; call it on
// objects that only the cache holds.
func Trim(tr *v1.TaskRun) {
	if !tr.Status.Done() {
		objectsize.TrimManagedFields(tr) // how long they are counts until the results are written
		return
	}
	tr.ManagedFields = nil
	delete(tr.Annotations, corev1.LastAppliedConfigAnnotation)
	tr.Spec.Params, tr.Spec.TaskSpec = nil, nil
	tr.Status.Results, tr.Status.TaskSpec, tr.Status.Steps, tr.Status.RetriesStatus = nil, nil, nil, nil
}
