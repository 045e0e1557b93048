package main

import (
	"sync"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sluice-ci/sluice/internal/cloudevents"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	counts "github.com/sluice-ci/sluice/internal/metrics"
)

// addEvents returns what sends CloudEvents. It is added to the manager when there is a sink for the first time, so that a controller
// without one has nothing of it running.
func addEvents(mgr ctrl.Manager, o *options, m *monitoring, store *config.Store, sent *mark.Current) *cloudevents.Delivery {
	delivery := cloudevents.New(cloudevents.Options{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache(), Config: store, Runs: o.runs(),
		Namespace: o.namespace, Sent: sent,
		Recorder: mgr.GetEventRecorder(self), Clock: clock.RealClock{}, Meter: m.counts.Events, Log: ctrl.Log.WithName("events"),
	})
	m.more = append(m.more, counts.NewEventQueue(delivery.Queued))
	var once sync.Once
	store.Notify(func(c config.Config) {
		if c.Sink() != "" {
			once.Do(func() {
				if err := mgr.Add(delivery); err != nil {
					ctrl.Log.Error(err, "cannot send CloudEvents")
				}
			})
		}
		delivery.Refresh()
	})
	return delivery
}
