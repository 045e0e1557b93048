package pipelinerun

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// store writes the status. Where the API server will never take it, the run ends with less, and its TaskRuns are cancelled.
// It returns what was written.
func (r *Reconciler) store(ctx context.Context, pr *v1.PipelineRun, status v1.PipelineRunStatus) (v1.PipelineRunStatus, error) {
	now := metav1.NewTime(r.clock.Now())
	stored, refusal, err := reconcile.Status[v1.PipelineRunStatus]{
		Size:    func(s v1.PipelineRunStatus) int { return stored(pr, s) },
		Managed: objectsize.ManagedFields(pr),
		Write:   func(ctx context.Context, s v1.PipelineRunStatus) error { return r.write(ctx, pr, s) },
		Replace: func(ctx context.Context, s v1.PipelineRunStatus) error { return r.replace(ctx, pr, s) },
		Current: func(ctx context.Context) error { return reconcile.Current(ctx, r.live, v1.KindPipelineRun, pr) },
		Lean:    lean,
		Abandon: func(ctx context.Context) error { return r.cancelUnfinished(ctx, pr) },
		Cuts: []func(v1.PipelineRunStatus, reconcile.Refusal) v1.PipelineRunStatus{
			func(s v1.PipelineRunStatus, why reconcile.Refusal) v1.PipelineRunStatus {
				return refusedStatus(s, why, now)
			},
			func(s v1.PipelineRunStatus, why reconcile.Refusal) v1.PipelineRunStatus {
				return outline(refusedStatus(s, why, now))
			},
			func(s v1.PipelineRunStatus, why reconcile.Refusal) v1.PipelineRunStatus {
				return bare(refusedStatus(s, why, now), now)
			},
		},
	}.Store(ctx, status)
	if full, ok := errors.AsType[*reconcile.FullError](err); ok {
		r.recorder.Eventf(pr, nil, corev1.EventTypeWarning, v1.PipelineRunReasonStatusRefused, "Reconcile", "%s", short(full.Error()))
	}
	if err == nil && refusal != nil && refusal.TooLarge() {
		r.metrics.Oversize(finder(refusal))
	}
	return stored, err
}

func finder(refusal *reconcile.Refusal) metrics.Finder {
	if refusal.Cause == nil {
		return metrics.FoundBefore
	}
	return metrics.FoundByServer
}

// refusedStatus ends a run whose status the API server will never take, without its results and when expressions.
func refusedStatus(status v1.PipelineRunStatus, why reconcile.Refusal, now metav1.Time) v1.PipelineRunStatus {
	const rest = "; the results of the tasks are in their TaskRuns"
	if !why.TooLarge() {
		return withoutResults(status, v1.PipelineRunReasonStatusRefused, why.String()+rest, now)
	}
	parts := append(resultParts(status.Results), objectsize.PartOf("status.pipelineSpec", status.PipelineSpec),
		objectsize.PartOf("status.childReferences", status.ChildReferences), objectsize.PartOf("status.skippedTasks", status.SkippedTasks))
	return withoutResults(status, v1.PipelineRunReasonResultTooLarge, why.String()+"; "+objectsize.Largest("parts", parts)+rest, now)
}

// outline drops the copy of the pipeline, and of each reference all but what names the TaskRun.
func outline(status v1.PipelineRunStatus) v1.PipelineRunStatus {
	status.PipelineSpec, status.Provenance = nil, nil
	for i := range status.ChildReferences { // which lean has copied
		status.ChildReferences[i].DisplayName = ""
	}
	return status
}

// bare drops all but the outcome. Its message is short, so that the object has room for it.
func bare(status v1.PipelineRunStatus, now metav1.Time) v1.PipelineRunStatus {
	least := v1.PipelineRunStatus{StartTime: status.StartTime, CompletionTime: status.CompletionTime}
	c := status.Condition()
	least.SetCondition(v1.Failed(c.Reason, reconcile.Brief(c.Message)), now)
	return least
}

// cancelUnfinished tells the TaskRuns of a run that is given up to end. The API server is asked which there are: the status
// need not know them.
func (r *Reconciler) cancelUnfinished(ctx context.Context, pr *v1.PipelineRun) error {
	unfinished, err := r.unfinished(ctx, pr)
	if err != nil {
		return err
	}
	return r.cancelTaskRuns(ctx, unfinished)
}
