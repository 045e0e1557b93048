package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// Events counts CloudEvents. A nil Events counts nothing.
type Events struct{ sent, failed, dropped *prometheus.CounterVec }

func newEvents(s *Set) *Events {
	return &Events{
		sent: add(s, counter(eventsSent)), failed: add(s, counter(eventsFailed)), dropped: add(s, counter(eventsDropped)),
	}
}

// Sent counts an event that the sink has accepted.
func (e *Events) Sent(kind, phase string) {
	if e != nil {
		e.sent.WithLabelValues(kind, phase).Inc()
	}
}

// Failed counts an attempt to send an event that the sink has not accepted.
func (e *Events) Failed(cause string) {
	if e != nil {
		e.failed.WithLabelValues(cause).Inc()
	}
}

// Dropped counts an event that is not sent any more.
func (e *Events) Dropped(cause string) {
	if e != nil {
		e.dropped.WithLabelValues(cause).Inc()
	}
}

// EventQueue reports how full the queue of CloudEvents is.
type EventQueue struct{ queued func() (count, limit int) }

// NewEventQueue returns a collector for the queue. queued returns the number of events in it, and the maximum.
func NewEventQueue(queued func() (count, limit int)) *EventQueue { return &EventQueue{queued} }

// Describe sends the descriptions of the metrics.
func (*EventQueue) Describe(out chan<- *prometheus.Desc) {
	out <- describe(eventsQueued)
	out <- describe(eventsLimit)
}

// Collect sends the values.
func (q *EventQueue) Collect(out chan<- prometheus.Metric) {
	count, limit := q.queued()
	out <- prometheus.MustNewConstMetric(describe(eventsQueued), prometheus.GaugeValue, float64(count))
	out <- prometheus.MustNewConstMetric(describe(eventsLimit), prometheus.GaugeValue, float64(limit))
}
