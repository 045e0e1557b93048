package collect

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/budget"
)

// Options are the options of a Collector. The zero value of a field selects its default.
type Options struct {
	// MaxFollowers is the maximum number of logs that are followed at once. The logs of further pods are read after their
	// container has ended. Default 500.
	MaxFollowers int
	// MaxReaders is the maximum number of finished logs that are read at once. Default 16, because each may hold 1.5 MiB of
	// results.
	MaxReaders int
	// Deadline is how long the Collector tries to read the log of an ended container, from the first try. Default 60 s.
	Deadline time.Duration
	// Settle is how long, within Deadline, the Collector waits for the end record in a readable finished log. Default 4 s.
	Settle time.Duration
	// Stall is the maximum time without a record in one read of a finished log. Default a quarter of Deadline.
	Stall time.Duration
	// Backoff is the delay after the first failed try. It doubles up to a twentieth of Deadline, or up to half of Deadline
	// while the container runs. Jitter shortens each delay by at most half. Default 100 ms.
	Backoff time.Duration
	// Memory is the budget for the results of all collections. Each reserves memory for the namespace of its pod. Default:
	// NewMemory.
	Memory *budget.Budget
	// Meter observes the Collector. Default: no observation.
	Meter Meter
}

func (o Options) withDefaults() Options {
	if o.MaxFollowers <= 0 {
		o.MaxFollowers = DefaultMaxFollowers
	}
	if o.MaxReaders <= 0 {
		o.MaxReaders = 16
	}
	if o.Deadline <= 0 {
		o.Deadline = time.Minute
	}
	if o.Settle <= 0 {
		o.Settle = min(4*time.Second, o.Deadline)
	}
	if o.Stall <= 0 {
		o.Stall = max(o.Deadline/4, time.Millisecond)
	}
	if o.Backoff <= 0 {
		o.Backoff = 100 * time.Millisecond
	}
	if o.Memory == nil {
		o.Memory = NewMemory()
	}
	if o.Meter == nil {
		o.Meter = nopMeter{}
	}
	return o
}

// Target is a pod whose results are collected.
type Target struct {
	// Key identifies the target: the UID of the TaskRun with the results. It is known even after the pod is deleted.
	Key types.UID
	// Namespace, Pod and Container name the log.
	Namespace, Pod, Container string
	// Want is what the stream must match.
	Want Want
	// Owner is the run to wake when the Progress changes.
	Owner types.NamespacedName
}

// sameLog reports whether two targets with the same key have the same stream.
func (t Target) sameLog(o Target) bool {
	return t.Namespace == o.Namespace && t.Pod == o.Pod && t.Container == o.Container && t.Want.Nonce == o.Want.Nonce
}

// Progress is the progress of a target's collection.
type Progress struct {
	// Set is the content of the stream, after its end record was read.
	Set *Set
	// At is when the Set was read from a log; zero if it comes from another source.
	At time.Time
	// Err is why there is no Set yet, or, with GaveUp, why there will be none: a *ReadError. It is nil while the log is
	// followed without errors.
	Err error
	// GaveUp reports that the Collector does not try again.
	GaveUp bool
	// Unread reports that there are results, but their collection waits for its turn or for memory, or has only begun to read
	// them. The delay is not caused by the pod.
	Unread bool
	// Waited is the total time of these waits. No deadline of the run counts it.
	Waited time.Duration
}

// Collector reads the logs of many pods concurrently with the reconcilers, which never block on a log. They call Watch for a
// target, and the Collector wakes them when its Progress changes.
type Collector struct {
	source    LogSource
	notify    func(types.NamespacedName)
	options   Options
	followers *semaphore
	readers   *semaphore
	// lacking counts the collections that wait for memory.
	lacking atomic.Int64

	mu     sync.Mutex
	tasks  map[types.UID]*task
	owners map[types.NamespacedName]map[types.UID]*task
}

// task is the collection of one target. The lock of the Collector guards the fields below the blank line.
type task struct {
	target Target
	cancel context.CancelFunc
	// kick is closed when the container has ended.
	kick chan struct{}
	// queue belongs to the goroutine that collects. After it has ended, if kept is true, the lease of queue is that of the
	// Set.
	queue queue

	ended    bool
	kept     bool
	progress Progress // without Unread and Waited
	unread   bool
	// paused is the start of the present wait; zero without one.
	paused time.Time
	// waited is the total time of the previous waits.
	waited time.Duration
}

// New returns a Collector that reads from source. When the Progress of a target changes, it calls notify with the owner, in a
// separate goroutine.
func New(source LogSource, notify func(types.NamespacedName), options Options) *Collector {
	options = options.withDefaults()
	return &Collector{
		source: source, notify: notify, options: options,
		followers: newSemaphore(options.MaxFollowers),
		readers:   newSemaphore(options.MaxReaders),
		tasks:     map[types.UID]*task{},
		owners:    map[types.NamespacedName]map[types.UID]*task{},
	}
}

// Watch starts to read the target's log, if it is not read yet. Call it when the container is running, and again with ended
// after it has terminated. It returns immediately. A target with a known key and another log replaces the previous one and
// its progress.
func (c *Collector) Watch(target Target, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tasks[target.Key]
	if ok && !t.target.sameLog(target) {
		c.drop(t)
		ok = false
	}
	if !ok {
		ctx, cancel := context.WithCancel(context.Background())
		t = &task{target: target, cancel: cancel, kick: make(chan struct{})}
		t.queue = queue{lease: c.options.Memory.LeaseFor(target.Namespace), waiting: &c.lacking}
		c.add(t)
		go func() {
			defer cancel()
			c.run(ctx, t)
		}()
	}
	if ended && !t.ended {
		t.ended = true
		close(t.kick)
	}
}

// Progress returns the progress of the collection with this key, or the zero Progress if there is none.
func (c *Collector) Progress(key types.UID) Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tasks[key]
	if !ok {
		return Progress{}
	}
	p := t.progress
	p.Unread, p.Waited = t.unread, t.waited
	if !t.paused.IsZero() {
		p.Waited += time.Since(t.paused)
	}
	return p
}

// Forget stops the collection with this key and drops its results, if there is one.
func (c *Collector) Forget(key types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.tasks[key]; ok {
		c.drop(t)
	}
}

// ForgetOwner stops all collections of this owner and drops their results, if there are any. Of a deleted owner only the name
// is known.
func (c *Collector) ForgetOwner(owner types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.owners[owner] {
		c.drop(t)
	}
}

// Start stops all collections when ctx ends. With it, a manager can run the Collector.
func (c *Collector) Start(ctx context.Context) error {
	<-ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tasks {
		c.drop(t)
	}
	return nil
}

// add adds a task. The lock is held.
func (c *Collector) add(t *task) {
	key, owner := t.target.Key, t.target.Owner
	c.tasks[key] = t
	if c.owners[owner] == nil {
		c.owners[owner] = map[types.UID]*task{}
	}
	c.owners[owner][key] = t
}

// drop stops a task and removes it. The lock is held.
func (c *Collector) drop(t *task) {
	key, owner := t.target.Key, t.target.Owner
	t.cancel()
	if t.kept {
		t.queue.lease.End()
	}
	delete(c.tasks, key)
	delete(c.owners[owner], key)
	if len(c.owners[owner]) == 0 {
		delete(c.owners, owner)
	}
}

// record stores the progress, and wakes the owner if it has changed and the task still exists.
func (c *Collector) record(t *task, p Progress) {
	c.mu.Lock()
	wanted := c.tasks[t.target.Key] == t
	same := p.Set == t.progress.Set && p.GaveUp == t.progress.GaveUp && message(p.Err) == message(t.progress.Err)
	if wanted {
		t.progress = p
	}
	c.mu.Unlock()
	if wanted && !same {
		c.notify(t.target.Owner)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
