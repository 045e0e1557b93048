package export

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/otlp"
)

// Meter counts messages.
type Meter interface {
	// Exported counts one message: sent is whether the collector has accepted all of it.
	Exported(sent bool)
}

// Options are the parts that an Exporter uses; all are required.
type Options struct {
	// Metrics are gathered for each message.
	Metrics prometheus.Gatherer
	// Resource identifies the process, and Clock returns the time.
	Resource Resource
	Clock    clock.WithTicker
	Meter    Meter
	Log      logr.Logger
}

// Exporter sends metrics at intervals while the settings name a collector. It has no goroutine while they do not.
//
// A message that a collector does not accept is not sent again: the next one has all counts since the process started.
type Exporter struct {
	Options

	client *otlp.Client
	start  time.Time

	mu   sync.Mutex
	now  config.Export
	stop context.CancelFunc
	// failed is whether the last message was not accepted, so that the log has only changes.
	failed bool
	// ended has the goroutines that send.
	ended sync.WaitGroup
}

// New returns an Exporter that sends nothing. The process has started now.
func New(o Options) *Exporter {
	return &Exporter{Options: o, client: otlp.NewClient(), start: o.Clock.Now(), stop: func() {}}
}

// Follow makes the exporter send metrics by these settings until ctx ends.
func (e *Exporter) Follow(ctx context.Context, to config.Export) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if to == e.now {
		return
	}
	e.stop()
	e.now, e.stop, e.failed = to, func() {}, false
	if to.Endpoint == "" {
		return
	}
	ctx, e.stop = context.WithCancel(ctx)
	ticker := e.Clock.NewTicker(to.Interval)
	e.ended.Go(func() { e.run(ctx, to, ticker) })
}

// run sends a message at each interval.
func (e *Exporter) run(ctx context.Context, to config.Export, ticker clock.Ticker) {
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			e.send(ctx, to)
		}
	}
}

// send sends one message.
func (e *Exporter) send(ctx context.Context, to config.Export) {
	families, err := e.Metrics.Gather()
	if err != nil && len(families) == 0 {
		e.report(to, fmt.Errorf("cannot read metrics: %w", err))
		return
	}
	rejected, err := e.client.Send(ctx, otlp.Collector{URL: to.Endpoint}, Message(families, e.Resource, e.start, e.Clock.Now()))
	if ctx.Err() != nil {
		return // the settings have changed, or the process ends
	}
	if err == nil && rejected.Count > 0 {
		err = fmt.Errorf("the collector has rejected %d data points: %s", rejected.Count, rejected.Message)
	}
	e.report(to, err)
}

// report counts a message, and logs the first one that is not accepted, and the first one that is accepted after it.
func (e *Exporter) report(to config.Export, err error) {
	e.Meter.Exported(err == nil)
	e.mu.Lock()
	defer e.mu.Unlock()
	if failed := err != nil; failed != e.failed {
		e.failed = failed
		if failed {
			e.Log.Error(err, "cannot send metrics; the next message will have them, too", "endpoint", to.Endpoint, "interval", to.Interval.String())
		} else {
			e.Log.Info("metrics are sent again", "endpoint", to.Endpoint)
		}
	}
}
