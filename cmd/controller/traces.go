package main

import (
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/traces"
	"github.com/sluice-ci/sluice/internal/version"
)

// newTraces returns what sends the spans of runs. It does nothing until a run with a trace has ended.
func newTraces(mgr ctrl.Manager, o *options, store *config.Store, m *monitoring) *traces.Exporter {
	return traces.New(traces.Options{
		Cache: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespace: o.namespace, Config: store, Start: mgr.Add, Meter: m.counts.Traces,
		Release: version.Current().Number, Log: ctrl.Log.WithName("traces"), Now: time.Now, After: time.After,
	})
}
