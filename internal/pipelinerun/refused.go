package pipelinerun

import (
	"context"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// runKind describes PipelineRuns to the code that both reconcilers share.
func runKind() reconcile.Kind[*v1.PipelineRun, v1.PipelineRunStatus] {
	return reconcile.Kind[*v1.PipelineRun, v1.PipelineRunStatus]{
		Name:      v1.KindPipelineRun,
		New:       func() *v1.PipelineRun { return &v1.PipelineRun{} },
		ManagedBy: func(pr *v1.PipelineRun) *string { return pr.Spec.ManagedBy },
		Status:    func(pr *v1.PipelineRun) *v1.PipelineRunStatus { return &pr.Status },
		With: func(pr *v1.PipelineRun, status v1.PipelineRunStatus) *v1.PipelineRun {
			whole := *pr
			whole.Status = status
			return &whole
		},
		Fields: func(s *v1.PipelineRunStatus) reconcile.Fields {
			return reconcile.Fields{Conditioned: s, Start: &s.StartTime, Completion: &s.CompletionTime}
		},
		Lean: lean, Bare: bare, Outline: outline,
		Results: func(s v1.PipelineRunStatus) []objectsize.Part { return resultParts(s.Results) },
		Parts: func(s v1.PipelineRunStatus) []objectsize.Part {
			return slices.Concat(resultParts(s.Results), []objectsize.Part{
				objectsize.PartOf("status.pipelineSpec", s.PipelineSpec),
				objectsize.PartOf("status.childReferences", s.ChildReferences),
				objectsize.PartOf("status.skippedTasks", s.SkippedTasks),
			})
		},
		TooLarge: v1.PipelineRunReasonResultTooLarge, TooLargeHint: "the results of the tasks are in their TaskRuns",
		Refused: v1.PipelineRunReasonStatusRefused, RefusedHint: "the results of the tasks are in their TaskRuns",
		Panicked: v1.PipelineRunReasonInternalError,
		Events:   eventsFor,
	}
}

// store writes the status, or a smaller one if the API server will never take it; then the run ends, and its TaskRuns are
// cancelled. It returns what was written.
func (r *Reconciler) store(ctx context.Context, pr *v1.PipelineRun, status v1.PipelineRunStatus) (v1.PipelineRunStatus, error) {
	return r.statuses.Store(ctx, pr, status, func(ctx context.Context) error { return r.cancelUnfinished(ctx, pr) })
}

// outline drops the copy of the pipeline, and everything in each reference except the name of the TaskRun.
func outline(status v1.PipelineRunStatus) v1.PipelineRunStatus {
	status.PipelineSpec, status.Provenance = nil, nil
	for i := range status.ChildReferences { // which lean has copied
		status.ChildReferences[i].DisplayName = ""
	}
	return status
}
