package taskrun

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// remakePod lets the next reconcile make the pod of the current attempt again. The count is written first: if the status
// cannot be written after it, the same pod counts twice, and the limit holds.
func (r *Reconciler) remakePod(ctx context.Context, tr *v1.TaskRun) (Effect, error) {
	lost := func(why string) Effect {
		message := fmt.Sprintf("pod %q was removed, and is not made again: %s", tr.Status.PodName, why)
		return Effect{Outcome: failed(v1.TaskRunReasonPodDeleted, message)}
	}
	began, err := r.stepStarted(ctx, tr)
	switch {
	case err != nil && reconcile.Classify(err) == reconcile.Rejected:
		return lost("whether its steps have started is unknown: " + err.Error()), nil
	case err != nil:
		return Effect{}, err
	case began:
		return lost("its steps have started, and what they did is unknown"), nil
	}
	message := vanishMessage(tr)
	after := tr.DeepCopy()
	after.Annotations = maps.Clone(tr.Annotations)
	if after.Annotations == nil {
		after.Annotations = map[string]string{}
	}
	after.Annotations[v1.AnnotationPodsRemade] = remadeNote(tr)
	err = r.Client.Patch(ctx, after, client.MergeFromWithOptions(tr, client.MergeFromWithOptimisticLock{}))
	switch {
	case err == nil:
		tr.ObjectMeta = after.ObjectMeta
		r.statuses.Writes.Record(after)
		r.Transports.Forget(keyOf(tr)) // what was read of the pod that is gone
		return Effect{Remade: true, Waiting: &WaitReason{v1.TaskRunReasonPending, message}}, nil
	case reconcile.Classify(err) == reconcile.Rejected, reconcile.Classify(err) == reconcile.TooLarge:
		return lost(fmt.Sprintf("the API server refuses annotation %q: %v", v1.AnnotationPodsRemade, err)), nil
	default:
		return Effect{}, fmt.Errorf("cannot annotate TaskRun %q: %w", tr.Name, err)
	}
}

// startedPages is how many pages of events are read at most, with eventsPage events each.
const startedPages = 4

// stepStarted reports whether the kubelet has reported in an event that a step of the current attempt has started. The controller
// may have missed it: the pod can start, end and be deleted while no controller runs.
func (r *Reconciler) stepStarted(ctx context.Context, tr *v1.TaskRun) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, eventsTimeout)
	defer cancel()
	selector := fields.Set{"involvedObject.name": tr.Status.PodName, "reason": "Started"}.AsSelector()
	next := ""
	for range startedPages {
		list := &corev1.EventList{}
		err := r.Live.List(ctx, list, client.InNamespace(tr.Namespace), client.MatchingFieldsSelector{Selector: selector},
			client.Limit(eventsPage), client.Continue(next))
		if err != nil {
			return false, fmt.Errorf("cannot list the events of pod %q: %w", tr.Status.PodName, err)
		}
		if slices.ContainsFunc(list.Items, func(e corev1.Event) bool { return ofStep(&e, tr) }) {
			return true, nil
		}
		if next = list.Continue; next == "" {
			return false, nil
		}
	}
	return true, nil // more events than a pod without steps can have
}

// ofStep reports whether an event is about the container of a step of this run, and not of an earlier run with the same name.
func ofStep(e *corev1.Event, tr *v1.TaskRun) bool {
	at := e.LastTimestamp.Time
	if at.IsZero() {
		at = e.EventTime.Time
	}
	if start := tr.Status.StartTime; start != nil && !at.IsZero() && at.Before(start.Time) {
		return false
	}
	_, container, _ := strings.Cut(e.InvolvedObject.FieldPath, "{")
	return podpaths.IsStep(container)
}
