// Package metrics defines the metrics of the controller, which docs/metrics.md lists. A metric that Tekton has, too, has the
// name that Tekton's dashboards use; the others begin with sluice_. Some labels have names of users' objects, as the
// ConfigMap config-observability says. The number of series of each metric has a maximum that users cannot exceed.
package metrics

import (
	"fmt"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/version"
)

// Set has the metrics that the controller updates as it works.
type Set struct {
	// TaskRuns and PipelineRuns count runs and their outcomes.
	TaskRuns, PipelineRuns *Runs
	// Collection counts reads of logs and their outcomes.
	Collection *Collection
	// Traces counts what has become of the spans of runs.
	Traces *Traces
	// Events counts CloudEvents.
	Events *Events
	// Exports counts messages with metrics.
	Exports *Exports
	// Retention counts deletions of finished runs.
	Retention *Retention

	collectors []prometheus.Collector
	settings   func() config.Observability
}

// New returns a Set with all counts at 0. settings returns the settings in force. log has the metrics that have no room for
// further names.
func New(build version.Info, settings func() config.Observability, log logr.Logger) *Set {
	s := &Set{settings: settings}
	info := add(s, gauge(buildInfo))
	info.WithLabelValues(build.Number, build.Revision, build.Go).Set(1)
	writes, oversize := add(s, counter(statusWrites)), add(s, counter(objectsTooLarge))
	into := add(s, counter(merged))
	s.TaskRuns = &Runs{
		total: add(s, counter(taskRunTotal)), duration: s.named(taskRunDuration, ofTask, into, log),
		attempts: add(s, counter(attemptsFailed)), pods: add(s, counter(podsCreated)).WithLabelValues(),
		ofChildren: s.named(childDuration, ofChild, into, log), podLatency: s.named(podLatency, ofPod, into, log),
		writes: curried(writes, TaskRun), oversize: curried(oversize, TaskRun),
	}
	s.PipelineRuns = &Runs{
		total: add(s, counter(pipelineRunTotal)), duration: s.named(pipelineRunDuration, ofPipeline, into, log),
		writes: curried(writes, PipelineRun), oversize: curried(oversize, PipelineRun),
	}
	for _, r := range []*Runs{s.TaskRuns, s.PipelineRuns} {
		r.begin()
	}
	s.Collection = newCollection(s)
	s.Traces = newTraces(s)
	s.Events = newEvents(s)
	s.Exports = newExports(s)
	s.Retention = &Retention{deleted: add(s, counter(runsDeleted)), refused: add(s, counter(deletesRefused))}
	return s
}

// Register adds the metrics of the set, and further ones, to a registry. It fails if one is already registered.
func (s *Set) Register(registry prometheus.Registerer, more ...prometheus.Collector) error {
	for _, c := range append(append([]prometheus.Collector{}, s.collectors...), more...) {
		if err := registry.Register(c); err != nil {
			return fmt.Errorf("cannot register metrics: %w", err)
		}
	}
	return nil
}

// add adds a collector to the set, and returns it.
func add[C prometheus.Collector](s *Set, c C) C {
	s.collectors = append(s.collectors, c)
	return c
}

// named adds a metric with names of users' objects to the set, and returns it.
func (s *Set) named(name string, of func(config.Observability) shape, into *prometheus.CounterVec, log logr.Logger) *named {
	return add(s, &named{
		name: name, buckets: runSeconds(), shape: of, settings: s.settings, merged: into.WithLabelValues(name), log: log,
	})
}

// curried returns the counter for one kind of run.
func curried(c *prometheus.CounterVec, kind Kind) *prometheus.CounterVec {
	return c.MustCurryWith(prometheus.Labels{labelKind: string(kind)})
}

// counter creates the counter with this name in the catalog.
func counter(name string) *prometheus.CounterVec {
	m := find(name)
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.labels())
}

// gauge creates the gauge with this name in the catalog.
func gauge(name string) *prometheus.GaugeVec {
	m := find(name)
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.labels())
}

// histogram creates the histogram with this name in the catalog.
func histogram(name string, buckets []float64) *prometheus.HistogramVec {
	m := find(name)
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: buckets}, m.labels())
}

// describe returns the description of the metric with this name in the catalog, for a value that is computed at a scrape.
func describe(name string) *prometheus.Desc {
	m := find(name)
	return prometheus.NewDesc(m.Name, m.Help, m.labels(), nil)
}
