package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/health"
	counts "github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/metrics/export"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/version"
)

// monitoring holds the metrics and the probes of the controller.
type monitoring struct {
	counts *counts.Set
	passes *health.Passes
	more   []prometheus.Collector
}

func newMonitoring(store *config.Store) *monitoring {
	settings := func() config.Observability { return store.Load().Metrics }
	return &monitoring{
		counts: counts.New(version.Current(), settings, ctrl.Log.WithName("metrics")), passes: health.New(clock.RealClock{}),
	}
}

// export sends metrics while the settings name a collector, until ctx ends.
func (m *monitoring) export(ctx context.Context, o *options, store *config.Store) error {
	instance, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("cannot read the name of the host, which identifies the metrics of this process: %w", err)
	}
	exporter := export.New(export.Options{
		Metrics: metrics.Registry, Clock: clock.RealClock{}, Meter: m.counts.Exports, Log: ctrl.Log.WithName("metrics-export"),
		Resource: export.Resource{Service: self, Version: version.Current().Number, Namespace: o.namespace, Instance: instance},
	})
	store.Notify(func(c config.Config) { exporter.Follow(ctx, c.Metrics.Export) })
	return nil
}

// addToManager makes mgr serve metrics and probes. The controller is ready from the time its caches are filled until ctx ends.
func (m *monitoring) addToManager(ctx context.Context, mgr ctrl.Manager, store *config.Store, runs ownership.Rule) error {
	unfinished := &counts.Unfinished{
		Runs: mgr.GetCache(), Leads: mgr.Elected(), Clock: clock.RealClock{},
		Timeout: func() time.Duration { return store.Load().Defaults.Timeout }, Manages: runs,
		Settings: func() config.Observability { return store.Load().Metrics },
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
