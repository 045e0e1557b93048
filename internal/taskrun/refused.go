package taskrun

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

// store writes the status. Where the API server will never take it, the run ends with less, and its pod is stopped. It
// returns what was written.
func (r *Reconciler) store(ctx context.Context, tr *v1.TaskRun, p *corev1.Pod, status v1.TaskRunStatus) (v1.TaskRunStatus, error) {
	now := metav1.NewTime(r.clock.Now())
	stored, refusal, err := reconcile.Status[v1.TaskRunStatus]{
		Size:    func(s v1.TaskRunStatus) int { return stored(tr, s) },
		Managed: objectsize.ManagedFields(tr),
		Write:   func(ctx context.Context, s v1.TaskRunStatus) error { return r.write(ctx, tr, s) },
		Replace: func(ctx context.Context, s v1.TaskRunStatus) error { return r.replace(ctx, tr, s) },
		Current: func(ctx context.Context) error { return reconcile.Current(ctx, r.live, v1.KindTaskRun, tr) },
		Lean:    lean,
		Abandon: func(ctx context.Context) error { return r.stopPod(ctx, p) },
		Cuts: []func(v1.TaskRunStatus, reconcile.Refusal) v1.TaskRunStatus{
			func(s v1.TaskRunStatus, why reconcile.Refusal) v1.TaskRunStatus { return refused(s, why, now) },
			func(s v1.TaskRunStatus, why reconcile.Refusal) v1.TaskRunStatus { return outline(refused(s, why, now)) },
			func(s v1.TaskRunStatus, why reconcile.Refusal) v1.TaskRunStatus {
				return bare(refused(s, why, now), now)
			},
		},
	}.Store(ctx, status)
	if full, ok := errors.AsType[*reconcile.FullError](err); ok {
		r.recorder.Eventf(tr, nil, corev1.EventTypeWarning, v1.TaskRunReasonStatusRefused, "Reconcile", "%s", short(full.Error()))
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

// refused ends a run whose status the API server will never take, without its results.
func refused(status v1.TaskRunStatus, why reconcile.Refusal, now metav1.Time) v1.TaskRunStatus {
	if !why.TooLarge() {
		return withoutResults(status, v1.TaskRunReasonStatusRefused, why.String()+"; the results of the run are not kept", now)
	}
	parts := append(resultParts(status), objectsize.PartOf("status.taskSpec", status.TaskSpec), objectsize.PartOf("status.steps", status.Steps))
	return withoutResults(status, v1.TaskRunReasonResultTooLarge,
		why.String()+"; "+objectsize.Largest("parts", parts)+"; hand large data on through a workspace", now)
}

// outline drops all that is known of the run elsewhere: what is left says how and when it ended, and how each step did.
func outline(status v1.TaskRunStatus) v1.TaskRunStatus {
	status.TaskSpec, status.RetriesStatus, status.Sidecars, status.Artifacts = nil, nil, nil, nil
	steps := make([]v1.StepState, len(status.Steps))
	for i, s := range status.Steps {
		steps[i] = v1.StepState{Name: s.Name, Container: s.Container, TerminationReason: s.TerminationReason, ContainerState: s.ContainerState}
	}
	status.Steps = steps
	return status
}

// bare drops all but the outcome. Its message is short, so that the object has room for it.
func bare(status v1.TaskRunStatus, now metav1.Time) v1.TaskRunStatus {
	least := v1.TaskRunStatus{StartTime: status.StartTime, CompletionTime: status.CompletionTime}
	c := status.Condition()
	least.SetCondition(v1.Failed(c.Reason, reconcile.Brief(c.Message)), now)
	return least
}
