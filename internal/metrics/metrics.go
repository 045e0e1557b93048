// Package metrics counts what the controller does, under the names that docs/operations.md lists: those of the field's
// dashboards where the meaning is the same, and names that begin with sluice_ for the rest. No metric carries the name of a
// run, a task or a namespace: how many series there are does not depend on what users do.
package metrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/version"
)

// Set is every metric that the controller counts as it works.
type Set struct {
	// TaskRuns and PipelineRuns count what becomes of runs.
	TaskRuns, PipelineRuns *Runs
	// Collection counts what reading logs comes to.
	Collection *Collection

	collectors []prometheus.Collector
}

// New returns a Set in which nothing is counted yet.
func New(build version.Info) *Set {
	s := &Set{}
	info := add(s, gauge(buildInfo))
	info.WithLabelValues(build.Number, build.Revision, build.Go).Set(1)
	writes, oversize := add(s, counter(statusWrites)), add(s, counter(objectsTooLarge))
	s.TaskRuns = &Runs{
		total: add(s, counter(taskRunTotal)), duration: add(s, histogram(taskRunDuration, runSeconds())),
		attempts: add(s, counter(attemptsFailed)), pods: add(s, counter(podsCreated)).WithLabelValues(),
		writes: curried(writes, TaskRun), oversize: curried(oversize, TaskRun),
	}
	s.PipelineRuns = &Runs{
		total: add(s, counter(pipelineRunTotal)), duration: add(s, histogram(pipelineRunDuration, runSeconds())),
		writes: curried(writes, PipelineRun), oversize: curried(oversize, PipelineRun),
	}
	for _, r := range []*Runs{s.TaskRuns, s.PipelineRuns} {
		r.begin()
	}
	s.Collection = newCollection(s)
	return s
}

// Register adds the metrics, and further ones, to a registry. It fails where one is there already.
func (s *Set) Register(registry prometheus.Registerer, more ...prometheus.Collector) error {
	for _, c := range append(append([]prometheus.Collector{}, s.collectors...), more...) {
		if err := registry.Register(c); err != nil {
			return fmt.Errorf("cannot register metrics: %w", err)
		}
	}
	return nil
}

// add notes that a collector belongs to the set, and returns it.
func add[C prometheus.Collector](s *Set, c C) C {
	s.collectors = append(s.collectors, c)
	return c
}

// curried is a counter of both kinds of run, for one of them.
func curried(c *prometheus.CounterVec, kind Kind) *prometheus.CounterVec {
	return c.MustCurryWith(prometheus.Labels{labelKind: string(kind)})
}

// counter makes the counter of this name in the catalog.
func counter(name string) *prometheus.CounterVec {
	m := find(name)
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.labels())
}

// gauge makes the gauge of this name in the catalog.
func gauge(name string) *prometheus.GaugeVec {
	m := find(name)
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.labels())
}

// histogram makes the histogram of this name in the catalog.
func histogram(name string, buckets []float64) *prometheus.HistogramVec {
	m := find(name)
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: buckets}, m.labels())
}

// describe is the description of the metric of this name in the catalog, for one whose value is found when it is asked for.
func describe(name string) *prometheus.Desc {
	m := find(name)
	return prometheus.NewDesc(m.Name, m.Help, m.labels(), nil)
}
