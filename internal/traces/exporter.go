// Package traces sends the spans of runs that have ended to a collector of OpenTelemetry. A run is queued when the API server has
// stored its outcome; all else happens outside of the reconcile. The ids of spans follow from the UIDs of runs, and a run ends once,
// so a restart neither doubles nor changes a trace. It loses the runs that the controller could not send before it ended.
package traces

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/otlp"
)

const (
	// maxQueue is how many runs wait to be sent, and maxParts how many attempts, steps and children they have together. They have no
	// results and no definitions, so that a part needs less than a kilobyte.
	maxQueue, maxParts = 1000, 20_000
	// maxBatch is how many spans are in one request, unless one run has more.
	maxBatch = 1000
	// gathering is how long the worker waits for more runs after the first one, so that they share a request. When the queue is full
	// to 1/urgentPart, it does not wait any longer.
	gathering  = time.Second
	urgentPart = 2
	// tries is how often a request is made, and firstWait the time before the second one. Each further wait is twice as long.
	tries     = 5
	firstWait = time.Second
	// maxWait is the longest wait that a collector can ask for.
	maxWait = 30 * time.Second
	// grace is how long the queue is sent after the controller was asked to end. That of the controller is longer.
	grace = 4 * time.Second
)

// Outcome is what has become of the spans of a run.
type Outcome string

// The outcomes.
const (
	// Sent: the collector has accepted them.
	Sent Outcome = "sent"
	// QueueFull: too many runs were waiting.
	QueueFull Outcome = "queue-full"
	// Failed: the collector did not respond, or refused them.
	Failed Outcome = "failed"
	// Rejected: the collector has accepted the request, and refused some of the spans in it.
	Rejected Outcome = "rejected"
)

// Meter counts runs by what has become of their spans, and the spans that were in requests.
type Meter interface {
	Runs(outcome Outcome, n int)
	Spans(outcome Outcome, n int)
}

// Options are the dependencies of an Exporter.
type Options struct {
	// Cache has the pods and the children of runs.
	Cache client.Reader
	// Live reads the Secret with the credentials from the API server.
	Live client.Reader
	// Namespace is that of the installation, where the Secret is.
	Namespace string
	// Config is the configuration in force.
	Config *config.Store
	// Start runs the worker until the controller ends. It is called with the first run, so that there is no worker before.
	Start func(manager.Runnable) error
	// Meter counts what happens.
	Meter Meter
	// Release is the version of the controller.
	Release string
	// Log has the failures.
	Log logr.Logger
	// Now returns the time, and After a channel that fires after a wait.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// Exporter sends the spans of runs. A nil Exporter sends nothing. It is safe for concurrent use.
type Exporter struct {
	Options

	client *otlp.Client
	start  sync.Once

	mu    sync.Mutex
	queue []ended
	// parts are those of the runs in the queue.
	parts int
	// news has a token if runs came after the worker has looked, and urgent if the queue becomes full.
	news, urgent chan struct{}
}

// New returns an Exporter.
func New(o Options) *Exporter {
	return &Exporter{Options: o, client: otlp.NewClient(), news: make(chan struct{}, 1), urgent: make(chan struct{}, 1)}
}

// TaskRun queues a TaskRun that has ended.
func (e *Exporter) TaskRun(tr *v1.TaskRun) {
	if e.wants(tr.Status.SpanContext) {
		e.add(ended{taskRun: slimTaskRun(tr)})
	}
}

// PipelineRun queues a PipelineRun that has ended.
func (e *Exporter) PipelineRun(pr *v1.PipelineRun) {
	if e.wants(pr.Status.SpanContext) {
		e.add(ended{pipelineRun: slimPipelineRun(pr)})
	}
}

// wants reports whether a run with a span context is sent.
func (e *Exporter) wants(spanContext map[string]string) bool {
	return e != nil && len(spanContext) > 0 && e.Config.Load().Tracing.Enabled
}

func (e *Exporter) add(run ended) {
	e.mu.Lock()
	// A run with more parts than maxParts has its turn when the queue is empty.
	full := len(e.queue) >= maxQueue || e.parts > 0 && e.parts+run.parts() > maxParts
	if !full {
		e.queue = append(e.queue, run)
		e.parts += run.parts()
	}
	urgent := full || len(e.queue) >= maxQueue/urgentPart || e.parts >= maxParts/urgentPart
	e.mu.Unlock()
	if urgent {
		defer signal(e.urgent) // after news, which the worker then takes, too
	}
	if full {
		e.Meter.Runs(QueueFull, 1)
		return
	}
	signal(e.news)
	e.start.Do(func() {
		if err := e.Options.Start(worker{e}); err != nil {
			e.Log.Error(err, "cannot start the worker that sends traces")
		}
	})
}

// signal puts a token into a channel for one, unless it has one.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// take returns the next run.
func (e *Exporter) take() (ended, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		return ended{}, false
	}
	next := e.queue[0]
	e.queue[0] = ended{}
	e.parts -= next.parts()
	if e.queue = e.queue[1:]; len(e.queue) == 0 {
		e.queue = nil
	}
	return next, true
}

// worker sends what is queued.
type worker struct{ *Exporter }

// NeedLeaderElection returns false: a replica that has lost the lease still sends what it has queued.
func (worker) NeedLeaderElection() bool { return false }

// Start sends runs until ctx ends, and then for a short time what is left. A request that is in progress at that moment continues.
func (w worker) Start(ctx context.Context) error {
	last, cancel := outliving(ctx, grace)
	defer cancel()
	for w.gather(ctx) {
		w.drain(last)
	}
	w.drain(last)
	return nil
}

// gather waits until a run is queued, and then for others that end soon after it. It returns false as soon as ctx ends.
func (w worker) gather(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-w.news:
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.After(gathering):
	case <-w.urgent:
	}
	select {
	case <-w.news: // of a run that is in the queue by now
	default:
	}
	return true
}

// outliving returns a context that ends some time after ctx.
func outliving(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(after, cancel) })
	return last, func() { stop(); cancel() }
}

// drain sends what is queued until the queue is empty or ctx ends.
func (w worker) drain(ctx context.Context) {
	for ctx.Err() == nil {
		spans, runs := w.batch(ctx)
		if runs == 0 {
			return
		}
		w.send(ctx, spans, runs)
	}
}

// batch returns the spans of the next runs, and how many runs they are.
func (w worker) batch(ctx context.Context) (spans []*trace.Span, runs int) {
	for len(spans) < maxBatch {
		run, ok := w.take()
		if !ok {
			break
		}
		runs++
		spans = append(spans, w.spans(ctx, run)...)
	}
	return spans, runs
}

// send sends spans, again if the failure may pass.
func (w worker) send(ctx context.Context, spans []*trace.Span, runs int) {
	if len(spans) == 0 {
		return // none of the runs is sampled
	}
	rejected, err := w.try(ctx, spans)
	if err != nil {
		w.Meter.Runs(Failed, runs)
		w.Meter.Spans(Failed, len(spans))
		w.Log.Error(err, "cannot send traces", "runs", runs, "spans", len(spans), "endpoint", w.Config.Load().Tracing.Endpoint)
		return
	}
	refused := min(max(0, int(rejected.Count)), len(spans))
	w.Meter.Runs(Sent, runs)
	w.Meter.Spans(Sent, len(spans)-refused)
	w.Meter.Spans(Rejected, refused)
	if refused > 0 || rejected.Message != "" {
		w.Log.Info("the collector has rejected spans", "spans", rejected.Count, "message", rejected.Message)
	}
}

func (w worker) try(ctx context.Context, spans []*trace.Span) (otlp.Rejected, error) {
	data := message(spans, w.Release)
	wait := firstWait
	for n := 1; ; n++ {
		to, err := w.collector(ctx)
		var rejected otlp.Rejected
		if err == nil {
			rejected, err = w.client.Send(ctx, to, data)
		}
		if err == nil || n == tries || errors.Is(err, errOff) || !otlp.Temporary(err) {
			return rejected, err
		}
		select {
		case <-ctx.Done():
			return rejected, errors.Join(err, ctx.Err())
		case <-w.After(min(max(wait, otlp.RetryAfter(err)), maxWait)):
			wait *= 2
		}
	}
}

// errOff is the error for runs that were queued before traces were turned off. Without settings the endpoint is that of Tekton, and with
// invalid ones any other: a receiver that must not get them.
var errOff = errors.New("traces were turned off before these were sent")

// collector returns the collector in force. The credentials are read for each request, and not kept.
func (w worker) collector(ctx context.Context) (otlp.Collector, error) {
	settings := w.Config.Load().Tracing
	to := otlp.Collector{URL: settings.Endpoint}
	if !settings.Enabled {
		return to, errOff
	}
	if settings.CredentialsSecret == "" {
		return to, nil
	}
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: w.Namespace, Name: settings.CredentialsSecret}
	if err := w.Live.Get(ctx, key, secret); err != nil {
		return to, errSecret(key, err)
	}
	to.User, to.Password = string(secret.Data[corev1.BasicAuthUsernameKey]), string(secret.Data[corev1.BasicAuthPasswordKey])
	if to.User == "" || to.Password == "" {
		return to, errIncomplete(key)
	}
	return to, nil
}
