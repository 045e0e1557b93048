package cloudevents

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Outbox notes the events about the runs R with statuses S that are due. It is the reconcile.Outbox of their reconciler.
type Outbox[R client.Object, S any] struct {
	delivery *Delivery
	kind     string
	// status returns the status of a run, and annotations those of a status.
	status      func(R) *S
	annotations func(*S) *map[string]string
	condition   func(*S) *metav1.Condition
}

// TaskRuns returns the outbox for TaskRuns.
func (d *Delivery) TaskRuns() *Outbox[*v1.TaskRun, v1.TaskRunStatus] {
	return &Outbox[*v1.TaskRun, v1.TaskRunStatus]{
		delivery: d, kind: v1.KindTaskRun,
		status:      func(tr *v1.TaskRun) *v1.TaskRunStatus { return &tr.Status },
		annotations: func(s *v1.TaskRunStatus) *map[string]string { return &s.Annotations },
		condition:   (*v1.TaskRunStatus).Condition,
	}
}

// PipelineRuns returns the outbox for PipelineRuns.
func (d *Delivery) PipelineRuns() *Outbox[*v1.PipelineRun, v1.PipelineRunStatus] {
	return &Outbox[*v1.PipelineRun, v1.PipelineRunStatus]{
		delivery: d, kind: v1.KindPipelineRun,
		status:      func(pr *v1.PipelineRun) *v1.PipelineRunStatus { return &pr.Status },
		annotations: func(s *v1.PipelineRunStatus) *map[string]string { return &s.Annotations },
		condition:   (*v1.PipelineRunStatus).Condition,
	}
}

// Due returns the status with the record of the events that the change makes due, and without those that are done. Without a sink it
// returns the status as it is.
func (o *Outbox[R, S]) Due(before R, status S) S {
	d := o.delivery
	d.batches.ended(before.GetUID(), d.clock.Now()) // an earlier write of the run: there is one at a time
	if !d.on() {
		return status
	}
	was := o.status(before)
	begin := phases(o.condition(was), o.condition(&status))
	if len(begin) == 0 {
		return status
	}
	text := (*o.annotations(was))[v1.AnnotationEvents]
	next, _ := parse(text).without(d.backlog.doneOf(before.GetUID())).with(begin)
	if begin[len(begin)-1].end() {
		next.stamp = d.batches.join(refOf(o.kind, v1.GroupVersion.Version, before), d.clock.Now())
	}
	annotations := maps.Clone(*o.annotations(&status))
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1.AnnotationEvents] = next.String()
	*o.annotations(&status) = annotations
	return status
}

// Failed notes that the write of a status that Due has returned was not successful, as far as is known.
func (o *Outbox[R, S]) Failed(before R) {
	o.delivery.batches.ended(before.GetUID(), o.delivery.clock.Now())
}

// Written puts the events that a stored change makes due into the queue, and those before them that this process does not know yet.
func (o *Outbox[R, S]) Written(before, after R) {
	if !o.delivery.on() {
		o.Failed(before) // it is found when there is a sink again
		return
	}
	was, is := o.status(before), o.status(after)
	begin := phases(o.condition(was), o.condition(is))
	if len(begin) == 0 {
		return
	}
	_, added := parse((*o.annotations(was))[v1.AnnotationEvents]).with(begin)
	recorded := (*o.annotations(is))[v1.AnnotationEvents]
	items := make([]item, 0, len(added))
	now := o.delivery.clock.Now()
	ended := begin[len(begin)-1].end()
	if ended {
		o.delivery.batches.stored(after.GetUID(), parse(recorded).stamp, now)
	}
	var body []byte // of the run as it is now, which several events can share
	for _, one := range added {
		if one.phase == Queued {
			at := before.GetCreationTimestamp().Time
			items = append(items, item{numbered: one, at: at, since: now, body: o.delivery.encode(before)})
			continue
		}
		if body == nil {
			body = o.delivery.encode(after)
		}
		items = append(items, item{numbered: one, at: now, since: now, body: body})
	}
	for _, one := range parse(recorded).due { // also those of an earlier write whose answer was lost, or of another replica
		if !slices.Contains(added, one) {
			items = append(items, item{numbered: one, since: now})
		}
	}
	o.delivery.add(refOf(o.kind, v1.GroupVersion.Version, after), items, recorded, ended)
}

func refOf(kind, version string, run client.Object) Ref {
	return Ref{
		Kind: kind, Version: version, UID: run.GetUID(),
		NamespacedName: types.NamespacedName{Namespace: run.GetNamespace(), Name: run.GetName()},
	}
}
