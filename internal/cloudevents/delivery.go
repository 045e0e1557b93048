package cloudevents

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

const (
	// workers is how many events are sent at the same time. Those of one run are sent one after the other, in their order.
	workers = 4
	// firstPause and longestPause are the pauses between attempts to send an event. Each is twice the one before.
	firstPause   = 500 * time.Millisecond
	longestPause = time.Minute
	// patience is how long a replica tries to send an event. After that the event is dropped.
	patience = time.Hour
	// lookPeriod is how often the records of all runs are read.
	lookPeriod = 5 * time.Minute
	// farewell is how long the end of the controller waits for events that are being sent, and goodbye how long in all, with the
	// records of those that were sent. It must end before the manager stops waiting, after 10 seconds.
	farewell, goodbye = 4 * time.Second, 9 * time.Second
)

// Causes of dropped events, as in the metrics.
const (
	dropRefused = "refused"
	dropExpired = "expired"
	dropDeleted = "deleted"
	dropOff     = "off"
)

// reasonFailed is the reason of the Kubernetes event about an event that was dropped, as in Tekton.
const reasonFailed = "CloudEventFailed"

// Meter counts events.
type Meter interface {
	// Sent counts an event that the receiver has accepted, by the kind of the run and the phase.
	Sent(kind, phase string)
	// Failed counts an attempt that the receiver has not accepted, and Dropped an event that is not sent any more, by cause.
	Failed(cause string)
	Dropped(cause string)
}

// Cache has the runs that the controller watches.
type Cache interface {
	List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error
	GetInformer(ctx context.Context, o client.Object, opts ...cache.InformerGetOption) (cache.Informer, error)
}

// Options are the dependencies of a Delivery. All are required.
type Options struct {
	// Client writes the records, and Live reads runs from the API server. Cache has the runs whose records show what is due.
	Client client.Client
	Live   client.Reader
	Cache  Cache
	// Config has the sink.
	Config *config.Store
	// Runs decides which runs this controller manages.
	Runs ownership.Rule
	// Namespace is that of the installation, where the mark is. Sent has the mark as it was last read.
	Namespace string
	Sent      *mark.Current

	Recorder events.EventRecorder
	Clock    clock.PassiveClock
	Meter    Meter
	Log      logr.Logger
}

// Delivery sends the events that are due, one run after the other, and records in the runs what was sent. It does nothing before
// Start, which only the replica calls that works on runs.
type Delivery struct {
	client   client.Client
	live     client.Reader
	cache    Cache
	config   *config.Store
	runs     ownership.Rule
	recorder events.EventRecorder
	clock    clock.PassiveClock
	meter    Meter
	log      logr.Logger
	sender   sender
	backlog  *backlog
	batches  *batches
	marks    *marks
	// forgotten reports that there were runs from before the mark.
	forgotten atomic.Bool
	// again asks for a look at the records of all runs.
	again chan struct{}

	mu sync.Mutex
	// queue has the runs for which there is something to do; nil before Start and after its end.
	queue workqueue.TypedRateLimitingInterface[types.UID]
}

// New returns a Delivery.
func New(o Options) *Delivery {
	return &Delivery{
		client: o.Client, live: o.Live, cache: o.Cache, config: o.Config, runs: o.Runs, recorder: o.Recorder, clock: o.Clock,
		meter: o.Meter, log: o.Log, sender: newSender(workers), backlog: newBacklog(), again: make(chan struct{}, 1),
		batches: newBatches(), marks: newMarks(o),
	}
}

// Queued returns how many events are in the queue, and the maximum.
func (d *Delivery) Queued() (count, limit int) { return d.backlog.size(), maxItems }

// Refresh makes the Delivery read the records of all runs. Call it when there is a sink again.
func (d *Delivery) Refresh() {
	select {
	case d.again <- struct{}{}:
	default: // one is already asked for
	}
}

// NeedLeaderElection reports that only one replica sends events.
func (*Delivery) NeedLeaderElection() bool { return true }

// Start sends events until ctx ends. Then it ends the requests that are under way, and records what was sent.
func (d *Delivery) Start(ctx context.Context) error {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](firstPause, longestPause))
	d.mu.Lock()
	d.queue = queue
	d.mu.Unlock()
	d.wakeAll()    // the reconcilers may have begun before
	d.advance(ctx) // the mark, before a look at runs that it covers
	// A request that is cut off leaves open whether its event has arrived, so requests have their own end.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() { d.work(ctx, sending, queue) })
	}
	all.Go(func() { d.look(ctx) })
	all.Go(func() { d.keepMark(ctx) })
	all.Go(func() { d.watchCustomRuns(ctx) })
	<-ctx.Done()
	last, done := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer done()
	queue.ShutDown()
	cut := time.AfterFunc(farewell, stop)
	all.Wait()
	cut.Stop()
	d.flush(last)
	return nil
}

// look reads the records of all runs: at the start, when it is asked to, and from time to time. A reconcile whose write is stored, but
// whose answer is lost, puts no event into the queue.
func (d *Delivery) look(ctx context.Context) {
	ticker := time.NewTicker(lookPeriod)
	defer ticker.Stop()
	for {
		if d.on() {
			if err := d.resumeAll(ctx); err != nil && ctx.Err() == nil {
				d.log.Error(err, "cannot look for events that are due")
			}
		} else {
			d.wakeAll() // to record what was sent, and to drop the rest
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-d.again:
		}
	}
}

// on reports whether events are sent.
func (d *Delivery) on() bool {
	c := d.config.Load()
	return c.Sink() != ""
}

// add puts events of a run into the queue.
func (d *Delivery) add(ref Ref, items []item, recorded string, ended bool) {
	if d.backlog.add(ref, items, recorded, ended) {
		d.wake(ref.UID)
	}
}

func (d *Delivery) wake(uid types.UID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queue != nil {
		d.queue.Add(uid)
	}
}

func (d *Delivery) wakeAll() {
	for _, uid := range d.backlog.uids() {
		d.wake(uid)
	}
}

// work works on one run after the other until ctx ends. What is under way then ends with the context sending.
func (d *Delivery) work(ctx, sending context.Context, queue workqueue.TypedRateLimitingInterface[types.UID]) {
	for {
		uid, ended := queue.Get()
		if ended || ctx.Err() != nil {
			return
		}
		switch again, err := d.proceed(sending, uid); {
		case err != nil:
			queue.AddRateLimited(uid)
		case again:
			queue.Forget(uid)
			queue.Add(uid)
		default:
			queue.Forget(uid)
		}
		queue.Done(uid)
		if d.backlog.refill() {
			d.Refresh()
		}
	}
}

// proceed does one thing for a run: it sends its oldest event, or records what was sent. It reports whether more is to be done. After
// an error the same is tried again.
func (d *Delivery) proceed(ctx context.Context, uid types.UID) (again bool, err error) {
	e, first, ok := d.backlog.next(uid)
	switch {
	case !ok:
		return false, nil
	case first != nil:
		return d.deliver(ctx, e, *first)
	case e.ended && d.waits(e):
		return false, nil // the mark will say so
	case e.ended || e.ref.Kind == v1beta1.KindCustomRun || !d.on():
		return false, d.record(ctx, e)
	default:
		return false, nil // the next write of the status records it
	}
}

// deliver sends an event.
func (d *Delivery) deliver(ctx context.Context, e entry, one item) (again bool, err error) {
	ref := e.ref
	c := d.config.Load()
	sink := c.Sink()
	if sink == "" {
		for range d.backlog.clear(ref.UID) {
			d.meter.Dropped(dropOff)
		}
		return true, nil
	}
	if one.body == nil {
		state, err := d.read(ctx, e, &one)
		switch {
		case err != nil:
			return false, err
		case state == runGone:
			for range d.backlog.drop(ref.UID) {
				d.meter.Dropped(dropDeleted)
			}
			d.batches.release(ref.UID)
			return false, nil
		case state == runSent:
			d.backlog.drop(ref.UID)
			return false, nil
		case state == eventKnown:
			d.backlog.finish(ref.UID, one.number)
			return true, nil
		}
	}
	failed := d.sender.send(ctx, sink, event{ref: ref, numbered: one.numbered, at: one.at, body: one.body})
	switch {
	case failed == nil:
		d.meter.Sent(strings.ToLower(ref.Kind), string(one.phase))
	case failed.final:
		d.meter.Failed(failed.cause)
		d.giveUp(ref, one, dropRefused, failed)
	case d.clock.Since(one.since) > patience:
		d.meter.Failed(failed.cause)
		d.giveUp(ref, one, dropExpired, failed)
	default:
		d.meter.Failed(failed.cause)
		d.log.V(1).Info("cannot send an event yet", "run", ref.String(), "phase", one.phase, "cause", failed.text)
		return false, failed
	}
	d.backlog.finish(ref.UID, one.number)
	return true, nil
}

// giveUp reports an event that is not sent any more.
func (d *Delivery) giveUp(ref Ref, one item, cause string, failed *sendError) {
	d.meter.Dropped(cause)
	text := fmt.Sprintf("cannot send the event %q: %s", eventType(ref.Kind, one.phase), failed.text)
	if cause == dropExpired {
		text += fmt.Sprintf("; given up after %s", patience)
	}
	d.log.Error(nil, text, "run", ref.String(), "id", event{ref: ref, numbered: one.numbered}.id())
	d.recorder.Eventf(&corev1.ObjectReference{
		APIVersion: "tekton.dev/" + ref.Version, Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name, UID: ref.UID,
	}, nil, corev1.EventTypeWarning, reasonFailed, "Send", "%s", reconcile.Note(text))
}
