// Package meter has the metrics of the program cmd/resolvers. No label has the name of a namespace or a host, so the number of
// series does not depend on users.
package meter

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/version"
)

// The labels, and the values of outcome.
const (
	labelResolver = "resolver"
	labelReason   = "reason"
	labelOutcome  = "outcome"
	labelFrom     = "from"

	outcomeFetched = "fetched"
	outcomeFailed  = "failed"
	// reasonOther stands for the reasons that only one resolver has.
	reasonOther = "other"
	// reasonSuccessful is the reason of an answer with a definition.
	reasonSuccessful = "ResolutionSuccessful"
)

// Meter counts the work of the resolvers. It is a dispatch.Meter and a serve.Meter.
type Meter struct {
	answered *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	fetched  *prometheus.CounterVec
	fetches  *prometheus.HistogramVec
	shared   *prometheus.CounterVec
	info     *prometheus.GaugeVec
}

// buckets are seconds.
func buckets() []float64 { return []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120} }

// New returns a Meter with all counts at 0.
func New(build version.Info) *Meter {
	m := &Meter{
		answered: counter("sluice_resolvers_answered_total", "ResolutionRequests that were answered.", labelResolver, labelReason),
		seconds: histogram("sluice_resolvers_answer_seconds",
			"Seconds from the creation of a ResolutionRequest to its answer.", labelResolver),
		fetched: counter("sluice_resolvers_fetches_total", "Fetches that have ended.", labelResolver, labelOutcome),
		fetches: histogram("sluice_resolvers_fetch_seconds",
			"Seconds of a fetch, without the time in which it waited for its turn.", labelResolver),
		shared: counter("sluice_resolvers_shared_total",
			"Definitions without their own fetch: from the cache, or from the fetch for another request.", labelResolver, labelFrom),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_resolvers_build_info", Help: "1, with the version of the resolvers in labels.",
		}, []string{"version", "revision", "goversion"}),
	}
	m.info.WithLabelValues(build.Number, build.Revision, build.Go).Set(1)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets()}, labels)
}

// Answered counts an answer.
func (m *Meter) Answered(resolver, reason string, duration time.Duration) {
	known := []string{reasonSuccessful, resolvers.ReasonFailed, resolvers.ReasonInvalid, resolvers.ReasonTimedOut}
	if !slices.Contains(known, reason) {
		reason = reasonOther
	}
	m.answered.WithLabelValues(resolver, reason).Inc()
	m.seconds.WithLabelValues(resolver).Observe(duration.Seconds())
}

// Fetched counts a fetch.
func (m *Meter) Fetched(resolver string, duration time.Duration, err error) {
	outcome := outcomeFetched
	if err != nil {
		outcome = outcomeFailed
	}
	m.fetched.WithLabelValues(resolver, outcome).Inc()
	m.fetches.WithLabelValues(resolver).Observe(duration.Seconds())
}

// Shared counts a definition without a fetch.
func (m *Meter) Shared(resolver, from string) { m.shared.WithLabelValues(resolver, from).Inc() }

// Loads return what is in progress now.
type Loads struct {
	// Fetches are in progress, and Requests are worked on or wait.
	Fetches, Requests func() int
	// Kept are the definitions in the cache, and their bytes.
	Kept func() (entries, bytes int)
}

// Register adds the metrics to a registry.
func (m *Meter) Register(registry prometheus.Registerer, loads Loads) error {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	var failures []error
	for _, collector := range []prometheus.Collector{
		m.answered, m.seconds, m.fetched, m.fetches, m.shared, m.info,
		gauge("sluice_resolvers_fetching", "Fetches in progress.", func() float64 { return float64(loads.Fetches()) }),
		gauge("sluice_resolvers_requests", "ResolutionRequests that are worked on or wait.", func() float64 { return float64(loads.Requests()) }),
		gauge("sluice_resolvers_cached", "Definitions in the cache.", func() float64 {
			entries, _ := loads.Kept()
			return float64(entries)
		}),
		gauge("sluice_resolvers_cached_bytes", fmt.Sprintf("Bytes of the cache, at most %d.", dispatch.CacheMemory), func() float64 {
			_, bytes := loads.Kept()
			return float64(bytes)
		}),
	} {
		failures = append(failures, registry.Register(collector))
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("cannot register metrics: %w", err)
	}
	return nil
}
