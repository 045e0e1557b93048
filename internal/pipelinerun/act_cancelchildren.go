package pipelinerun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/reconcile"
)

// cancellation is a child to stop, and how.
type cancellation struct {
	run  Run
	stop Stop
}

// cancelChildren cancels children. The next reconcile observes whether they have ended.
func (r *Reconciler) cancelChildren(ctx context.Context, cancellations []cancellation) error {
	errs := make([]error, len(cancellations))
	reconcile.Each(len(cancellations), func(i int) { errs[i] = r.cancel(ctx, cancellations[i]) })
	return errors.Join(errs...)
}

func (r *Reconciler) cancel(ctx context.Context, c cancellation) error {
	stop := c.run.Kind().Stop(c.stop, r.Clock.Now())
	metadata := map[string]any{"uid": c.run.GetUID()} // which excludes another child that has the name by now
	if len(stop.Annotations) > 0 {
		metadata["annotations"] = stop.Annotations
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata, "spec": stop.Spec})
	if err != nil {
		return err
	}
	target := c.run.Kind().New().Object()
	target.SetNamespace(c.run.GetNamespace())
	target.SetName(c.run.GetName())
	err = r.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
	if err != nil && reconcile.Classify(err) != reconcile.NotFound && reconcile.Classify(err) != reconcile.Conflict {
		return fmt.Errorf("cannot cancel %s %q: %w", c.run.Kind().Name(), c.run.GetName(), err)
	}
	return nil
}
