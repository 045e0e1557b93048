package pipelinerun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/partial"
)

// Trim drops from a PipelineRun what no reconcile reads, so that a cache of many runs stays small. An ended run keeps its
// metadata and its outcome. It changes the run, so call it only on objects that only the cache holds.
func Trim(pr *v1.PipelineRun) {
	if !pr.Status.Done() {
		objectsize.TrimManagedFields(pr) // their length counts until the outcome is written
		return
	}
	partial.FinishedPipelineRun.Put(pr)
	pr.ManagedFields = nil
	cloudevents.Trim(pr.Status.Annotations)
	pr.Spec.Params, pr.Spec.PipelineSpec = nil, nil
	pr.Status.Results, pr.Status.PipelineSpec = nil, nil
}
