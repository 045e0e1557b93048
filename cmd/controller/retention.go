package main

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	counts "github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/retention/sweep"
)

// addRetention adds what deletes finished runs, and counts the bytes that they have in etcd.
func addRetention(ctx context.Context, mgr ctrl.Manager, o *options, store *config.Store, m *monitoring,
	sent *mark.Current) error {
	runs, err := sweep.NewCached(ctx, mgr.GetCache())
	if err != nil {
		return err
	}
	settings := types.NamespacedName{Namespace: o.namespace, Name: config.DefaultsName}
	if o.coexist {
		settings.Name = config.SettingsName
	}
	ledger := sweep.NewLedger()
	m.more = append(m.more, &counts.Stored{
		Bytes: ledger.All, Quota: func() int64 { return store.Load().Defaults.EtcdQuota }, Leads: mgr.Elected(),
	})
	return sweep.New(sweep.Options{
		Client: mgr.GetClient(), Runs: runs, Manages: o.runs(), Config: store, Sent: sent, Recorder: mgr.GetEventRecorder(self),
		Settings: settings, Beside: o.coexist, Clock: clock.RealClock{}, Meter: m.counts.Retention, Ledger: ledger,
	}).SetupWithManager(mgr)
}
