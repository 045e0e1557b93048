package taskrun

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// runKind describes TaskRuns to the code that both reconcilers share.
func runKind() reconcile.Kind[*v1.TaskRun, v1.TaskRunStatus] {
	return reconcile.Kind[*v1.TaskRun, v1.TaskRunStatus]{
		Name:      v1.KindTaskRun,
		New:       func() *v1.TaskRun { return &v1.TaskRun{} },
		ManagedBy: func(tr *v1.TaskRun) *string { return tr.Spec.ManagedBy },
		Status:    func(tr *v1.TaskRun) *v1.TaskRunStatus { return &tr.Status },
		With: func(tr *v1.TaskRun, status v1.TaskRunStatus) *v1.TaskRun {
			whole := *tr
			whole.Status = status
			return &whole
		},
		Fields: func(s *v1.TaskRunStatus) reconcile.Fields {
			return reconcile.Fields{Conditioned: s, Start: &s.StartTime, Completion: &s.CompletionTime}
		},
		Lean: lean, Bare: bare, Outline: outline,
		Finish:  func(s *v1.TaskRunStatus, reason string, now metav1.Time) { finish(s.Steps, reason, now) },
		Results: resultParts,
		Parts: func(s v1.TaskRunStatus) []objectsize.Part {
			return slices.Concat(resultParts(s), []objectsize.Part{
				objectsize.PartOf("status.taskSpec", s.TaskSpec), objectsize.PartOf("status.steps", s.Steps),
			})
		},
		TooLarge: v1.TaskRunReasonResultTooLarge, TooLargeHint: "pass large data through a workspace",
		Refused: v1.TaskRunReasonStatusRefused, RefusedHint: "the results of the run are not kept",
		Panicked: v1.TaskRunReasonInternalError,
		Events:   eventsFor,
	}
}

// store writes the status, or a smaller one if the API server will never take it; then the run ends, and its pod is stopped.
// It returns what was written.
func (r *Reconciler) store(ctx context.Context, tr *v1.TaskRun, p *corev1.Pod, status v1.TaskRunStatus) (v1.TaskRunStatus, error) {
	return r.statuses.Store(ctx, tr, status, func(ctx context.Context) error {
		if p == nil && ends(tr, status) {
			return nil // the API server has been asked to end one
		}
		return r.abandon(ctx, tr, p)
	})
}

// outline drops everything that other objects also have: the rest is how and when the run ended, and how each step did.
func outline(status v1.TaskRunStatus) v1.TaskRunStatus {
	status.TaskSpec, status.RetriesStatus, status.Sidecars, status.Artifacts = nil, nil, nil, nil
	steps := make([]v1.StepState, len(status.Steps))
	for i, s := range status.Steps {
		steps[i] = v1.StepState{Name: s.Name, Container: s.Container, TerminationReason: s.TerminationReason, ContainerState: s.ContainerState}
	}
	status.Steps = steps
	return status
}
