package cloudevents

import (
	"context"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

// resumeAll puts into the queue what the records of the runs say is due. The data is read when an event is sent. A run that was deleted
// before it ended has no write any more that could record what was sent, so it is forgotten here.
func (d *Delivery) resumeAll(ctx context.Context) error {
	gone := d.backlog.idle() // before the lists, so that a run that is created meanwhile is not missed in them
	for _, uid := range d.batches.idle() {
		gone[uid] = struct{}{}
	}
	var taskRuns v1.TaskRunList
	if err := d.cache.List(ctx, &taskRuns, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("cannot list TaskRuns: %w", err)
	}
	var lost forgotten
	for i := range taskRuns.Items {
		tr := &taskRuns.Items[i]
		delete(gone, tr.UID)
		if d.runs.Manages(tr.Spec.ManagedBy) {
			d.resume(refOf(v1.KindTaskRun, v1.GroupVersion.Version, tr), tr.Status.Annotations[v1.AnnotationEvents],
				tr.Status.Done(), tr.Status.CompletionTime, &lost)
		}
	}
	var pipelineRuns v1.PipelineRunList
	if err := d.cache.List(ctx, &pipelineRuns, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("cannot list PipelineRuns: %w", err)
	}
	for i := range pipelineRuns.Items {
		pr := &pipelineRuns.Items[i]
		delete(gone, pr.UID)
		if d.runs.Manages(pr.Spec.ManagedBy) {
			d.resume(refOf(v1.KindPipelineRun, v1.GroupVersion.Version, pr), pr.Status.Annotations[v1.AnnotationEvents],
				pr.Status.Done(), pr.Status.CompletionTime, &lost)
		}
	}
	d.backlog.forget(gone)
	for uid := range gone {
		if !d.backlog.has(uid) {
			d.batches.release(uid)
		}
	}
	d.reportForgotten(lost)
	return nil
}

// forgotten counts the ended runs with a stamp from before the mark, which was deleted: those whose events are sent again, because they
// ended within the last hour, and the others.
type forgotten struct{ again, others int }

// reportForgotten reports, once, that the mark was deleted.
func (d *Delivery) reportForgotten(f forgotten) {
	if f.again+f.others == 0 || !d.forgotten.CompareAndSwap(false, true) {
		return
	}
	d.log.Info("the ConfigMap that says which events of finished runs were sent does not know about all of them: was it deleted? The"+
		" events of runs that ended in the last hour may be sent twice", "configMap", mark.Name, "runsSentAgain", f.again,
		"runsNotSentAgain", f.others)
}

// resume puts what the record of a run says is due into the queue. Ended is when it ended, if it is done.
func (d *Delivery) resume(ref Ref, recorded string, done bool, ended *metav1.Time, lost *forgotten) {
	r := parse(recorded)
	if len(r.due) == 0 {
		return
	}
	m, now := d.marks.current.Load(), d.clock.Now()
	if !r.stamp.IsZero() && !d.marks.fresh.Load() {
		return // there is another look when the mark was read
	}
	covered := m.Sent(r.stamp, endOrNow(ended, now), now)
	switch {
	case m.Forgotten(r.stamp) && covered:
		lost.others++
	case m.Forgotten(r.stamp):
		lost.again++
	}
	if !covered {
		d.take(ref, r, recorded, done)
	}
}

// take puts what a record says is due into the queue. Done reports that the run has ended.
func (d *Delivery) take(ref Ref, r record, recorded string, done bool) {
	if done {
		d.batches.stored(ref.UID, r.stamp, d.clock.Now())
	}
	items := make([]item, len(r.due))
	for i, one := range r.due {
		items[i] = item{numbered: one, since: d.clock.Now()}
	}
	if d.backlog.supplement(ref, items, recorded, done) {
		d.wake(ref.UID)
	}
}

// reading is what a look at a run in the API server shows about an event.
type reading int

const (
	// eventDue: the event is to be sent.
	eventDue reading = iota
	// eventKnown: the run knows that the event is done. The cache did not show that yet.
	eventKnown
	// runSent: the mark says that all events of the run are done.
	runSent
	// runGone: the run does not exist any more, and with it what the event would say.
	runGone
)

// read completes an event without data, from the run as it is now.
func (d *Delivery) read(ctx context.Context, e entry, one *item) (reading, error) {
	run, status := newRun(e.ref.Kind)
	err := d.live.Get(ctx, e.ref.NamespacedName, run)
	if apierrors.IsNotFound(err) || err == nil && run.GetUID() != e.ref.UID {
		return runGone, nil
	}
	if err != nil {
		return eventDue, fmt.Errorf("cannot get %s: %w", e.ref, err)
	}
	recorded, times := status()
	if e.ref.Kind == v1beta1.KindCustomRun {
		if sent, err := strconv.Atoi(run.GetAnnotations()[v1.AnnotationEvents]); err == nil && sent >= one.number {
			return eventKnown, nil
		}
	} else {
		d.backlog.refresh(e.ref.UID, e.recorded, recorded)
		now := d.clock.Now()
		switch r := parse(recorded); {
		case !r.has(one.number):
			return eventKnown, nil
		case d.marks.current.Load().Sent(r.stamp, endOrNow(times.end, now), now):
			return runSent, nil
		}
	}
	if one.at.IsZero() {
		one.at = times.of(one.phase, run.GetCreationTimestamp().Time, d.clock.Now())
	}
	one.body = d.encode(run)
	return eventDue, nil
}

// newRun returns an empty run of a kind, and a function that returns its record and its times after it was read.
func newRun(kind string) (client.Object, func() (string, times)) {
	switch kind {
	case v1.KindTaskRun:
		tr := &v1.TaskRun{}
		return tr, func() (string, times) {
			return tr.Status.Annotations[v1.AnnotationEvents], times{tr.Status.StartTime, tr.Status.CompletionTime}
		}
	case v1.KindPipelineRun:
		pr := &v1.PipelineRun{}
		return pr, func() (string, times) {
			return pr.Status.Annotations[v1.AnnotationEvents], times{pr.Status.StartTime, pr.Status.CompletionTime}
		}
	default:
		cr := &v1beta1.CustomRun{}
		return cr, func() (string, times) { return "", times{cr.Status.StartTime, cr.Status.CompletionTime} }
	}
}

// times are the start and the end of a run; nil if it has none.
type times struct{ start, end *metav1.Time }

// of returns when a phase began, as far as that is known.
func (t times) of(p Phase, created, now time.Time) time.Time {
	switch {
	case p == Queued:
		return created
	case p == Started && t.start != nil:
		return t.start.Time
	case p.end() && t.end != nil:
		return t.end.Time
	default:
		return now
	}
}

// encode returns the data of an event about a run. A run of the API can always be encoded.
func (d *Delivery) encode(run client.Object) []byte {
	body, err := encode(run)
	if err != nil {
		d.log.Error(err, "cannot encode an event", "run", client.ObjectKeyFromObject(run).String())
		return []byte("{}")
	}
	return body
}
