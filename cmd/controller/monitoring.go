package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/health"
	counts "github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/version"
)

// monitoring holds the metrics and the probes of the controller.
type monitoring struct {
	counts *counts.Set
	passes *health.Passes
	more   []prometheus.Collector
}

func newMonitoring() *monitoring {
	return &monitoring{counts: counts.New(version.Current()), passes: health.New(clock.RealClock{})}
}

// addToManager makes mgr serve metrics and probes. The controller is ready from the time its caches are filled until ctx ends.
func (m *monitoring) addToManager(ctx context.Context, mgr ctrl.Manager, store *config.Store, runs ownership.Rule) error {
	unfinished := &counts.Unfinished{
		Runs: mgr.GetCache(), Leads: mgr.Elected(), Clock: clock.RealClock{},
		Timeout: func() time.Duration { return store.Load().Defaults.Timeout }, Manages: runs,
	}
	if err := m.counts.Register(metrics.Registry, append(m.more, unfinished)...); err != nil {
		return err
	}
	gate := health.NewGate(ctx.Done())
	if err := mgr.Add(gate); err != nil {
		return fmt.Errorf("cannot add readiness to manager: %w", err)
	}
	if err := errors.Join(mgr.AddReadyzCheck("caches", gate.Check), mgr.AddHealthzCheck("passes", m.passes.Check)); err != nil {
		return fmt.Errorf("cannot serve probes: %w", err)
	}
	return nil
}

// metricsServer returns how metrics are served: without TLS and without a check, or over TLS with a TokenReview and a
// SubjectAccessReview for each request (docs/design/0015-metrics-filter.md).
func metricsServer(o *options) server.Options {
	if !o.metricsSecure {
		return server.Options{BindAddress: o.metricsAddress}
	}
	secure := server.Options{BindAddress: o.metricsAddress, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization}
	if o.metricsCertDir != "" {
		secure.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.GetCertificate = certificateIn(o.metricsCertDir) }}
	}
	return secure
}

// certificateIn reads the certificate for each connection, because another program may write it after the start and
// replace it at any time. Connections for metrics are few.
func certificateIn(dir string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
		if err != nil {
			return nil, fmt.Errorf("cannot load certificate for metrics: %w", err)
		}
		return &pair, nil
	}
}
