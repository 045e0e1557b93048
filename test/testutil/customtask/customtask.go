// Package customtask is a controller of custom tasks for tests. The kind of a custom task says what becomes of its runs.
package customtask

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// APIVersion is the API of the custom tasks of this package.
const APIVersion = "test.sluice.dev/v1"

// The kinds of custom tasks.
const (
	// Echo succeeds, and returns each param as a result of its name.
	Echo = "Echo"
	// Fail fails.
	Fail = "Fail"
	// Wait runs until it is cancelled.
	Wait = "Wait"
	// Ignore starts, and never ends, even if it is cancelled.
	Ignore = "Ignore"
)

// period is how often the controller looks for runs.
const period = 100 * time.Millisecond

// Task returns a task of a pipeline that is a custom task of this package.
func Task(name, kind string, params ...v1.Param) v1.PipelineTask {
	return v1.PipelineTask{Name: name, TaskRef: &v1.TaskRef{APIVersion: APIVersion, Kind: kind}, Params: params}
}

// Serve runs the custom tasks of a namespace until ctx ends.
func Serve(ctx context.Context, c client.Client, namespace string) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		if err := round(ctx, c, namespace); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// round acts once on each run that has not ended. A run that has changed or was deleted is left for the next round.
func round(ctx context.Context, c client.Client, namespace string) error {
	list := &v1beta1.CustomRunList{}
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("cannot list CustomRuns: %w", err)
	}
	for i := range list.Items {
		run := &list.Items[i]
		if run.Spec.CustomRef == nil || run.Spec.CustomRef.APIVersion != APIVersion || run.Status.Done() || !Act(run, time.Now()) {
			continue
		}
		if err := c.Status().Update(ctx, run); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("cannot write the status of CustomRun %q: %w", run.Name, err)
		}
	}
	return nil
}

// Act changes the status of a run as its kind demands, and reports whether it has changed.
func Act(run *v1beta1.CustomRun, now time.Time) bool {
	switch kind := run.Spec.CustomRef.Kind; {
	case kind == Echo:
		for _, param := range run.Spec.Params {
			run.Status.Results = append(run.Status.Results, v1beta1.CustomRunResult{Name: param.Name, Value: param.Value.String})
		}
		set(run, metav1.ConditionTrue, "Echoed", now)
	case kind == Fail:
		set(run, metav1.ConditionFalse, "Broken", now)
	case kind == Wait && run.Spec.Status == v1beta1.CustomRunSpecStatusCancelled:
		set(run, metav1.ConditionFalse, v1beta1.CustomRunReasonCancelled, now)
	case run.Status.Condition() == nil:
		set(run, metav1.ConditionUnknown, "Waiting", now)
	default:
		return false
	}
	return true
}

// set sets the condition, as a controller with the conditions of Knative writes it.
func set(run *v1beta1.CustomRun, status metav1.ConditionStatus, reason string, now time.Time) {
	at := metav1.NewTime(now)
	if run.Status.StartTime == nil {
		run.Status.StartTime = &at
	}
	if status != metav1.ConditionUnknown {
		run.Status.CompletionTime = &at
	}
	run.Status.Conditions = []v1beta1.Condition{{
		Type: v1.ConditionSucceeded, Status: status, Reason: reason, Message: "as " + run.Spec.CustomRef.Kind + " does",
		LastTransitionTime: now.UTC().Format(time.RFC3339),
	}}
}
