package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/results/collect"
)

// Collection counts reads of logs and their outcomes. It is a collect.Meter.
type Collection struct {
	ends     *prometheus.CounterVec
	failures *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	log      prometheus.Counter
	values   prometheus.Counter
}

func newCollection(s *Set) *Collection {
	// From a followed log, which is read immediately, to the deadline of one minute and more.
	seconds := []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120}
	c := &Collection{
		ends: add(s, counter(collections)), failures: add(s, counter(logReadFailures)),
		seconds: add(s, histogram(collectSeconds, seconds)),
		log:     add(s, counter(logBytes)).WithLabelValues(), values: add(s, counter(valueBytes)).WithLabelValues(),
	}
	for _, outcome := range []string{outcomeWhole, outcomeInterrupted} {
		c.ends.WithLabelValues(outcome, "")
	}
	for _, cause := range collect.Causes() {
		c.ends.WithLabelValues(outcomeUnavailable, cause)
		for _, container := range []string{containerRunning, containerEnded} {
			c.failures.WithLabelValues(cause, container)
		}
	}
	return c
}

// The outcomes of a collection.
const (
	outcomeWhole       = "whole"
	outcomeInterrupted = "interrupted"
	outcomeUnavailable = "unavailable"
)

// The state of the container when its log was read.
const (
	containerRunning = "running"
	containerEnded   = "ended"
)

func containerState(running bool) string {
	if running {
		return containerRunning
	}
	return containerEnded
}

// Read counts one read of a log.
func (c *Collection) Read(r collect.ReadReport) {
	c.log.Add(float64(r.Bytes))
	if r.Cause != "" {
		c.failures.WithLabelValues(r.Cause, containerState(r.Following)).Inc()
	}
}

// Ended counts a collection that has ended.
func (c *Collection) Ended(r collect.EndReport) {
	if r.Cause != "" {
		c.ends.WithLabelValues(outcomeUnavailable, r.Cause).Inc()
		return
	}
	outcome := outcomeWhole
	if r.Interrupted {
		outcome = outcomeInterrupted
	}
	c.ends.WithLabelValues(outcome, "").Inc()
	c.values.Add(float64(r.ValueBytes))
	c.seconds.WithLabelValues(containerState(r.Following)).Observe(max(r.Took, 0).Seconds())
}

// Load reports the load of a collect.Collector at each scrape. It is a prometheus.Collector.
type Load struct {
	of func() collect.Load
}

// NewLoad returns a Load that calls of for the load.
func NewLoad(of func() collect.Load) *Load { return &Load{of: of} }

// Describe describes the metrics.
func (l *Load) Describe(descriptions chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(l, descriptions)
}

// Collect reads the load.
func (l *Load) Collect(metrics chan<- prometheus.Metric) {
	load := l.of()
	for name, value := range map[string]int64{
		collecting: int64(load.Collecting), collectingBytes: load.Reserved, collectingLimit: load.ReservedLimit,
		followers: int64(load.Followers), followersLimit: int64(load.FollowersLimit),
		readers: int64(load.Readers), readersLimit: int64(load.ReadersLimit),
	} {
		metrics <- prometheus.MustNewConstMetric(describe(name), prometheus.GaugeValue, float64(value))
	}
	for place, value := range map[string]int{"follower": load.WaitingToFollow, "reader": load.WaitingToRead, "memory": load.WaitingForRoom} {
		metrics <- prometheus.MustNewConstMetric(describe(waitingForTurn), prometheus.GaugeValue, float64(value), place)
	}
}
