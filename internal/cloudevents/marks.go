package cloudevents

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

const (
	// markPeriod is how often a batch ends, and how often the mark is written at most. A killed controller leaves the events of two periods to
	// be sent again.
	markPeriod = 250 * time.Millisecond
	// markTimeout bounds a write of the mark, with its repetitions. At the end of the controller there must be time for records, too.
	markTimeout = 3 * time.Second
	// markTries is how often a write is tried again after another controller has written.
	markTries = 4
)

// marks writes the mark of the installation. Only one goroutine at a time may use it, except for current and fresh.
type marks struct {
	client  client.Client
	live    client.Reader
	name    types.NamespacedName
	current *mark.Current
	log     logr.Logger
	// found is the ConfigMap as it was last read or written; nil if it must be read.
	found *corev1.ConfigMap
	// fresh reports that this controller has read the ConfigMap, or that there is none, since it leads. Before that, current can be from a
	// time when another one led.
	fresh atomic.Bool
	// epoch is that of this controller; 0 before it has one. Covered is the last batch of it that the mark covers.
	epoch   int64
	covered int
	// retry is when the next try to begin is due.
	retry time.Time
	// failing reports that the last write has failed.
	failing bool
}

func newMarks(o Options) *marks {
	m := &marks{
		client: o.Client, live: o.Live, name: types.NamespacedName{Namespace: o.Namespace, Name: mark.Name}, current: o.Sent, log: o.Log,
	}
	if m.current == nil {
		m.current = &mark.Current{}
	}
	return m
}

// LoadMark reads the mark before the caches are filled, so that they need not keep the records that it covers. After an error, they keep
// all. The Delivery reads it again.
func LoadMark(ctx context.Context, live client.Reader, namespace string, into *mark.Current) error {
	m := &marks{live: live, name: types.NamespacedName{Namespace: namespace, Name: mark.Name}, current: into}
	err := m.read(ctx)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// read reads the mark from the API server. Of a ConfigMap that was deleted meanwhile, this process knows more.
func (m *marks) read(ctx context.Context) error {
	found := &corev1.ConfigMap{}
	err := m.live.Get(ctx, m.name, found)
	if apierrors.IsNotFound(err) {
		if !m.current.Load().Known() {
			m.current.Store(mark.Missing())
		}
		m.fresh.Store(true)
	}
	if err != nil {
		return fmt.Errorf("cannot read ConfigMap %q: %w", mark.Name, err)
	}
	stored, err := mark.Parse(found.Data)
	if err != nil {
		m.log.Error(err, "beginning a new mark")
	}
	if known := m.current.Load(); !known.Known() || stored.Epoch() >= known.Epoch() {
		m.current.Store(stored)
	}
	m.found = found
	m.fresh.Store(true)
	return nil
}

// change stores the mark with a change. If another controller has written it, the change is made again.
func (m *marks) change(ctx context.Context, change func(mark.Mark) mark.Mark) (mark.Mark, error) {
	ctx, cancel := context.WithTimeout(ctx, markTimeout)
	defer cancel()
	var err error
	for range markTries {
		if m.found == nil {
			if err = m.read(ctx); err != nil {
				return mark.Mark{}, err
			}
		}
		next, object := change(m.current.Load()), m.found.DeepCopy()
		object.Data = maps.Clone(object.Data)
		if object.Data == nil {
			object.Data = map[string]string{}
		}
		maps.Copy(object.Data, next.Data())
		if err = m.client.Update(ctx, object); err == nil {
			m.found = object
			m.current.Store(next)
			return next, nil
		}
		m.found = nil
		if !apierrors.IsConflict(err) {
			break
		}
	}
	return mark.Mark{}, fmt.Errorf("cannot write ConfigMap %q: %w", mark.Name, err)
}

// report logs that the mark cannot be written, and that it can be written again: once each.
func (m *marks) report(err error) {
	switch {
	case err == nil && m.failing:
		m.log.Info("the mark of events that were sent can be written again", "configMap", mark.Name)
	case err != nil && !m.failing:
		m.log.Error(err, "the events of each finished run cost one more write: apply the manifests of this release again if the ConfigMap is"+
			" missing, or if the controller has no right to update it")
	}
	m.failing = err != nil
}

// keepMark advances the mark until ctx ends.
func (d *Delivery) keepMark(ctx context.Context) {
	ticker := time.NewTicker(markPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.advance(ctx)
		}
	}
}

// advance ends a batch, writes the mark if it has advanced, and makes the runs that have waited too long for it record what was sent.
func (d *Delivery) advance(ctx context.Context) {
	d.begin(ctx)
	d.ask(ctx)
	d.batches.next()
	d.cover(ctx)
	for _, uid := range d.batches.overdue(d.clock.Now()) {
		d.wake(uid)
	}
}

// begin takes an epoch, once there is a sink. Before that, the records of runs get no stamp.
func (d *Delivery) begin(ctx context.Context) {
	m, now := d.marks, d.clock.Now()
	if m.epoch > 0 || !d.on() || now.Before(m.retry) {
		return
	}
	before := m.fresh.Load()
	next, err := m.change(ctx, func(was mark.Mark) mark.Mark { return was.Next(now) })
	m.report(err)
	if err != nil {
		if reconcile.Classify(err) != reconcile.Transient {
			m.retry = now.Add(lookPeriod)
		}
	} else {
		m.epoch = next.Epoch()
		d.batches.begin(m.epoch)
	}
	if !before && m.fresh.Load() {
		d.Refresh()
	}
}

// cover writes that all events of the runs up to a batch have been sent, if that is new.
func (d *Delivery) cover(ctx context.Context) {
	m := d.marks
	s, ok := d.batches.last()
	if !ok || s.Batch <= m.covered {
		return
	}
	_, err := m.change(ctx, func(was mark.Mark) mark.Mark { return was.With(s) })
	m.report(err)
	if err != nil {
		return // the runs of the batch wait, but not for long
	}
	m.covered = s.Batch
	for _, uid := range d.batches.leave(s) {
		d.backlog.cover(uid)
	}
}

// ask finds out whether writes were stored whose answers do not say so.
func (d *Delivery) ask(ctx context.Context) {
	if !d.on() {
		return
	}
	now := d.clock.Now()
	for _, one := range d.batches.unclear(now) {
		recorded, exists, err := d.currentRecord(ctx, one.ref)
		if err != nil {
			d.log.V(1).Info("cannot read whether a run has ended", "run", one.ref.String(), "cause", err.Error())
			return
		}
		switch r := parse(recorded); {
		case r.stamp == one.stamp:
			d.take(one.ref, r, recorded, true)
		case !exists || now.Sub(one.since) >= answerLimit:
			d.batches.abandon(one)
		}
	}
}

// waits reports whether a run whose events are done waits for the mark. Events that are only in its record, because the queue is full, are
// not done.
func (d *Delivery) waits(e entry) bool {
	r := parse(e.recorded)
	return !r.stamp.IsZero() && len(r.without(e.done).due) == 0 && d.batches.waits(e.ref.UID, r.stamp, d.clock.Now())
}
