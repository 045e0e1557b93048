package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// cancellation is a TaskRun to cancel, and the message for it.
type cancellation struct {
	taskRun *v1.TaskRun
	message v1.TaskRunSpecStatusMessage
}

// cancelTaskRuns cancels TaskRuns. The next reconcile observes whether they have ended.
func (r *Reconciler) cancelTaskRuns(ctx context.Context, cancellations []cancellation) error {
	errs := make([]error, len(cancellations))
	reconcile.Each(len(cancellations), func(i int) { errs[i] = r.cancel(ctx, cancellations[i]) })
	return errors.Join(errs...)
}

func (r *Reconciler) cancel(ctx context.Context, c cancellation) error {
	patch, err := json.Marshal(map[string]any{
		// The UID excludes another TaskRun that has the name by now.
		"metadata": map[string]any{"uid": c.taskRun.UID},
		"spec":     map[string]any{"status": v1.TaskRunSpecStatusCancelled, "statusMessage": c.message},
	})
	if err != nil {
		return err
	}
	target := &v1.TaskRun{}
	target.Namespace, target.Name = c.taskRun.Namespace, c.taskRun.Name
	err = r.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
	if err != nil && reconcile.Classify(err) != reconcile.NotFound && reconcile.Classify(err) != reconcile.Conflict {
		return fmt.Errorf("cannot cancel TaskRun %q: %w", c.taskRun.Name, err)
	}
	return nil
}
