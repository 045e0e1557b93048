package collect

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/budget"
)

// Options of a Collector. The zero value of each field means its default.
type Options struct {
	// MaxFollowers is how many logs are followed at once; the logs of further pods are read when their container has
	// ended. Default 500.
	MaxFollowers int
	// MaxReaders is how many finished logs are read at once. Default 16: each may hold 1.5 MiB of results.
	MaxReaders int
	// Deadline is how long the log of a container that has ended is tried to be read, from the first try. Default 60 s.
	Deadline time.Duration
	// Settle is how long, within Deadline, a finished log that can be read gets to have an end record. Default 4 s.
	Settle time.Duration
	// Stall is how long one read of a finished log may go on without a record. Default a quarter of Deadline.
	Stall time.Duration
	// Backoff is the wait after the first failed attempt. It doubles up to a twentieth of Deadline, or half of Deadline
	// while the container runs; each wait is shortened by chance, to no less than half. Default 100 ms.
	Backoff time.Duration
	// Memory is what all collections reserve for the results that they hold, each for the namespace of its pod. Default:
	// NewMemory.
	Memory *budget.Budget
	// Meter is told what the Collector does. Default: nobody is.
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

// Target is a pod whose results are wanted.
type Target struct {
	// Key tells targets apart: the UID of the TaskRun that the results belong to. It is known also when the pod is gone.
	Key types.UID
	// Namespace, Pod and Container name the log.
	Namespace, Pod, Container string
	// Want is what the stream must agree with.
	Want Want
	// Owner is whom to wake when there is something new.
	Owner types.NamespacedName
}

// sameLog reports whether two targets with one key stand for the same stream.
func (t Target) sameLog(o Target) bool {
	return t.Namespace == o.Namespace && t.Pod == o.Pod && t.Container == o.Container && t.Want.Nonce == o.Want.Nonce
}

// Progress is how far a target's collection has come.
type Progress struct {
	// Set is what the container said, once its end record was read.
	Set *Set
	// At is when the Set was read from a log; zero where it came from elsewhere.
	At time.Time
	// Err is why there is no Set yet, or, when GaveUp, why there will be none: a *ReadError. It is nil as long as the
	// log is being followed without trouble.
	Err error
	// GaveUp says that nothing more will be tried.
	GaveUp bool
	// Unread says that the results are there, that their collection waits for its turn or for memory, or has just begun to
	// read them. It is no fault of the pod that they are not known yet.
	Unread bool
	// Waited is how long it has waited for these. No deadline of the run counts that time.
	Waited time.Duration
}

// Collector reads the logs of many pods beside the reconcilers, which never block on a log: they Watch a target and
// are woken when its Progress has changed.
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

// task is the collection of one target; its fields below the line are guarded by the Collector's lock.
type task struct {
	target Target
	cancel context.CancelFunc
	// kick is closed when the container has ended.
	kick chan struct{}
	// queue is that of the goroutine that collects. When that has ended, and kept is true, its lease is that of the Set.
	queue queue

	ended    bool
	kept     bool
	progress Progress // without Unread and Waited
	unread   bool
	// paused is since when it waits; zero while it does not.
	paused time.Time
	// waited is how long it has waited before that.
	waited time.Duration
}

// New returns a Collector that reads from source and calls notify, from goroutines of its own, with the owner of each
// target whose Progress says something new.
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

// Watch makes sure that the target's log is being read. Call it when the container is seen running, and again with
// ended once it has terminated. It returns at once. A target with a known key and another log takes the place of the
// one before, whose progress is dropped.
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

// Progress returns how far the collection with this key has come; the zero Progress for one that is not watched.
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

// Forget stops the collection with this key and drops what it held. It does nothing where there is none.
func (c *Collector) Forget(key types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.tasks[key]; ok {
		c.drop(t)
	}
}

// ForgetOwner stops every collection of this owner and drops what they held: of an owner that is gone, only the name is
// known. It does nothing where there is none.
func (c *Collector) ForgetOwner(owner types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.owners[owner] {
		c.drop(t)
	}
}

// Start waits for ctx to end and then stops every collection, so that a manager can run the Collector.
func (c *Collector) Start(ctx context.Context) error {
	<-ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tasks {
		c.drop(t)
	}
	return nil
}

// add notes a task. The lock is held.
func (c *Collector) add(t *task) {
	key, owner := t.target.Key, t.target.Owner
	c.tasks[key] = t
	if c.owners[owner] == nil {
		c.owners[owner] = map[types.UID]*task{}
	}
	c.owners[owner][key] = t
}

// drop stops a task and lets go of it. The lock is held.
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

// record keeps the progress and wakes the owner, if it says something new and is still wanted.
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
