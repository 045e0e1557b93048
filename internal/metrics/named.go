package metrics

import (
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/config"
)

// shape is what the settings decide about a metric.
type shape struct {
	// labels are the names of the labels, separated by commas.
	labels string
	// histogram is false for a gauge with the last value.
	histogram bool
	// byRun reports that a label has the name of a run or of a pod, so that most series are never updated again.
	byRun bool
}

// shapeOf returns a shape with the labels whose condition is true, in this order.
func shapeOf(histogram, byRun bool, labels ...conditional) shape {
	var has []string
	for _, l := range labels {
		if l.present {
			has = append(has, l.name)
		}
	}
	return shape{labels: strings.Join(has, ","), histogram: histogram && !byRun, byRun: byRun}
}

// conditional is a label that a metric may have.
type conditional struct {
	name    string
	present bool
}

// series are the series of one shape.
type series interface {
	prometheus.Collector

	DeleteLabelValues(values ...string) bool
}

// named is a metric with names of users' objects in its labels. The settings decide which, and whether it is a histogram, so its
// description may change: it describes nothing to the registry, which then checks it at each scrape. It is a
// prometheus.Collector, and safe for concurrent use.
type named struct {
	name     string
	buckets  []float64
	shape    func(config.Observability) shape
	settings func() config.Observability
	merged   prometheus.Counter
	log      logr.Logger

	mu      sync.Mutex
	current shape
	labels  []string
	bound   *bound
	all     series
	record  func(value float64, labels ...string)
}

// Describe describes nothing.
func (*named) Describe(chan<- *prometheus.Desc) {}

// Collect sends all series.
func (n *named) Collect(metrics chan<- prometheus.Metric) {
	n.mu.Lock()
	n.follow()
	all := n.all
	n.mu.Unlock()
	all.Collect(metrics)
}

// observe records a value. labels has a value for each label that the metric may have.
func (n *named) observe(value float64, labels map[string]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.follow()
	values := make([]string, len(n.labels))
	for i, name := range n.labels {
		values[i] = labels[name]
	}
	fit := n.bound.fit(values)
	if fit.forget != nil {
		n.all.DeleteLabelValues(fit.forget...)
	}
	if fit.merged {
		if n.bound.warn() {
			n.log.Info("metric has the most series that it may have: further names are recorded as \"other\"; "+
				"set a lower level in ConfigMap "+config.ObservabilityName, "metric", n.name, "limit", mostSets,
				"limitOfNamespace", mostSetsOfNamespace)
		}
		n.merged.Inc()
	}
	n.record(value, fit.values...)
}

// follow begins again, without series, if the settings have changed the shape.
func (n *named) follow() {
	wanted := n.shape(n.settings())
	if n.all != nil && wanted == n.current {
		return
	}
	n.current, n.labels = wanted, nil
	if wanted.labels != "" {
		n.labels = strings.Split(wanted.labels, ",")
	}
	n.bound = newBound(n.labels, wanted.byRun)
	help := find(n.name).Help
	if wanted.histogram {
		vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: n.name, Help: help, Buckets: n.buckets}, n.labels)
		n.all, n.record = vec, func(value float64, labels ...string) { vec.WithLabelValues(labels...).Observe(value) }
		return
	}
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: n.name, Help: help}, n.labels)
	n.all, n.record = vec, func(value float64, labels ...string) { vec.WithLabelValues(labels...).Set(value) }
}
