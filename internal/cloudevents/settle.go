package cloudevents

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// record writes into a run which of its events are done. A returned error is transient.
func (d *Delivery) record(ctx context.Context, e entry) error {
	if len(e.done) == 0 || e.recorded == "" && e.ref.Kind != v1beta1.KindCustomRun {
		d.settle(e, e.recorded) // the run has no record, or it is up to date
		return nil
	}
	recorded, err := d.write(ctx, e)
	if err != nil && reconcile.Classify(err) != reconcile.Transient {
		return d.recordLater(ctx, e, err)
	}
	if err != nil {
		return fmt.Errorf("cannot record the events of %s: %w", e.ref, err)
	}
	d.settle(e, recorded)
	return nil
}

// settle notes that a run has a record that knows of the events that are done. It leaves its batch, unless events are due that are only in
// its record.
func (d *Delivery) settle(e entry, recorded string) {
	if d.backlog.settle(e.ref.UID, e.done, e.recorded, recorded) && len(parse(recorded).without(e.done).due) == 0 {
		d.batches.release(e.ref.UID)
	}
}

// recordLater records the events of an entry whose own record the API server has refused, in the record that the run has now: a write
// of the status may have stored a later one, which still has them. Each call means that another such write was stored. A returned error
// is transient.
func (d *Delivery) recordLater(ctx context.Context, e entry, refused error) error {
	current, _, err := d.currentRecord(ctx, e.ref)
	if err != nil {
		return fmt.Errorf("cannot record the events of %s: %w", e.ref, err)
	}
	if current == e.recorded || !slices.ContainsFunc(e.done, parse(current).has) { // the run is gone, or it knows of them
		d.log.V(1).Info("the events of a run are not recorded", "run", e.ref.String(), "cause", refused.Error())
		d.settle(e, current)
		return nil
	}
	e.recorded = current
	return d.record(ctx, e)
}

// currentRecord returns the record of a run in the API server, and whether the run exists.
func (d *Delivery) currentRecord(ctx context.Context, ref Ref) (recorded string, exists bool, err error) {
	run, status := newRun(ref.Kind)
	err = d.live.Get(ctx, ref.NamespacedName, run)
	if apierrors.IsNotFound(err) || err == nil && run.GetUID() != ref.UID {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("cannot get %s: %w", ref, err)
	}
	recorded, _ = status()
	return recorded, true, nil
}

// write writes the record of an entry, and returns it.
func (d *Delivery) write(ctx context.Context, e entry) (string, error) {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: v1.GroupName, Version: e.ref.Version, Kind: e.ref.Kind})
	o.Namespace, o.Name = e.ref.Namespace, e.ref.Name
	if e.ref.Kind == v1beta1.KindCustomRun {
		// Another run of this name has another UID, which no patch can change: the API server refuses the patch.
		change, err := json.Marshal(map[string]any{"metadata": map[string]any{
			"uid": e.ref.UID, "annotations": map[string]string{v1.AnnotationEvents: strconv.Itoa(slices.Max(e.done))},
		}})
		if err != nil {
			return "", fmt.Errorf("cannot encode a record: %w", err)
		}
		return "", d.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, change))
	}
	next := parse(e.recorded).without(e.done).String()
	if next == e.recorded {
		return next, nil
	}
	const path = "/status/annotations/sluice.dev~1events"
	change, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": e.ref.UID},
		{"op": "test", "path": path, "value": e.recorded}, // the reconciler or another replica may have written a later one
		{"op": "replace", "path": path, "value": next},
	})
	if err != nil {
		return "", fmt.Errorf("cannot encode a record: %w", err)
	}
	return next, d.client.Status().Patch(ctx, o, client.RawPatch(types.JSONPatchType, change))
}

// flush records, at the end of the controller, what was sent and is neither in the mark nor in the runs yet. The next replica would send
// it again.
func (d *Delivery) flush(ctx context.Context) {
	left := d.unrecorded(ctx)
	reconcile.Each(len(left), func(i int) {
		if err := d.record(ctx, left[i]); err != nil {
			d.log.Error(err, "an event may be sent twice")
		}
	})
}

// unrecorded writes the mark, and returns the runs that it does not cover and that do not know what was sent.
func (d *Delivery) unrecorded(ctx context.Context) []entry {
	for _, uid := range d.backlog.uids() {
		if e, first, ok := d.backlog.next(uid); ok && first == nil && e.ended {
			d.waits(e) // no worker has looked at it after its last event
		}
	}
	d.batches.next()
	d.cover(ctx)
	var left []entry
	for _, uid := range d.backlog.uids() {
		if e, _, ok := d.backlog.next(uid); ok && len(e.done) > 0 {
			left = append(left, e)
		}
	}
	return left
}
