package collect

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// Options of a Collector. The zero value of each field means its default.
type Options struct {
	// MaxFollowers is how many logs are followed at once; the logs of further pods are read when their container has
	// ended. Default 500.
	MaxFollowers int
	// MaxReaders is how many finished logs are read at once. Default 16: each may hold 1.5 MiB of results.
	MaxReaders int
	// Deadline is how long after the end of a container its log is tried to be read. Default 60 s.
	Deadline time.Duration
	// Backoff is the wait after the first failed attempt; it doubles up to a twentieth of Deadline. Default 100 ms.
	Backoff time.Duration
}

func (o Options) withDefaults() Options {
	if o.MaxFollowers <= 0 {
		o.MaxFollowers = 500
	}
	if o.MaxReaders <= 0 {
		o.MaxReaders = 16
	}
	if o.Deadline <= 0 {
		o.Deadline = time.Minute
	}
	if o.Backoff <= 0 {
		o.Backoff = 100 * time.Millisecond
	}
	return o
}

// maxDamaged is how often a finished log is read that is whole and wrong. Once could be a log that was rotated while it
// was read.
const maxDamaged = 2

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

// Progress is how far a target's collection has come.
type Progress struct {
	// Set is what the container said, once its end record was read.
	Set *Set
	// Err is why the last attempt failed; nil before the first failure.
	Err error
	// GaveUp says that nothing more will be tried.
	GaveUp bool
}

// Collector reads the logs of many pods beside the reconcilers, which never block on a log: they Watch a target and
// are woken when its Progress has changed.
type Collector struct {
	source    LogSource
	notify    func(types.NamespacedName)
	options   Options
	followers chan struct{}
	readers   chan struct{}

	mu    sync.Mutex
	tasks map[types.UID]*task
}

// task is the collection of one target; its fields below the line are guarded by the Collector's lock.
type task struct {
	target Target
	cancel context.CancelFunc
	// kick is closed when the container has ended.
	kick chan struct{}

	ended    bool
	progress Progress
}

// New returns a Collector that reads from source and calls notify, from goroutines of its own, with the owner of each
// target whose Progress has changed.
func New(source LogSource, notify func(types.NamespacedName), options Options) *Collector {
	options = options.withDefaults()
	return &Collector{
		source: source, notify: notify, options: options,
		followers: make(chan struct{}, options.MaxFollowers),
		readers:   make(chan struct{}, options.MaxReaders),
		tasks:     map[types.UID]*task{},
	}
}

// Watch makes sure that the target's log is being read. Call it when the container is seen running, and again with
// ended once it has terminated. It returns at once.
func (c *Collector) Watch(target Target, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tasks[target.Key]
	if !ok {
		ctx, cancel := context.WithCancel(context.Background())
		t = &task{target: target, cancel: cancel, kick: make(chan struct{})}
		c.tasks[target.Key] = t
		go c.run(ctx, t)
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
	if t, ok := c.tasks[key]; ok {
		return t.progress
	}
	return Progress{}
}

// Forget stops the collection with this key and drops what it held.
func (c *Collector) Forget(key types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.tasks[key]; ok {
		t.cancel()
		delete(c.tasks, key)
	}
}

// Start waits for ctx to end and then stops every collection, so that a manager can run the Collector.
func (c *Collector) Start(ctx context.Context) error {
	<-ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	for uid, t := range c.tasks {
		t.cancel()
		delete(c.tasks, uid)
	}
	return nil
}

// run attempts to read the log until it has succeeded, nothing more can help, or the deadline has passed.
func (c *Collector) run(ctx context.Context, t *task) {
	var deadline <-chan time.Time
	ended := t.kick // nil once its closing was seen
	backoff := c.options.Backoff
	damaged := 0
	for {
		set, err := c.attempt(ctx, t)
		if ctx.Err() != nil {
			return
		}
		if ended == nil && final(err) {
			damaged++
		}
		gaveUp := damaged >= maxDamaged
		c.record(t, Progress{Set: set, Err: err, GaveUp: gaveUp})
		if err == nil || gaveUp {
			return
		}
		wait := time.NewTimer(backoff)
		backoff = min(2*backoff, c.options.Deadline/20)
		select {
		case <-ctx.Done():
			return
		case <-ended:
			ended, deadline, backoff = nil, time.After(c.options.Deadline), c.options.Backoff
		case <-deadline:
			c.record(t, Progress{Err: err, GaveUp: true})
			return
		case <-wait.C:
		}
		wait.Stop()
	}
}

// attempt reads the log once: following it while the container runs, whole once it has ended.
func (c *Collector) attempt(ctx context.Context, t *task) (*Set, error) {
	follow, release, err := c.slot(ctx, t)
	if err != nil {
		return nil, err
	}
	defer release()
	log, err := c.source.Open(ctx, Log{
		Namespace: t.target.Namespace, Pod: t.target.Pod, Container: t.target.Container,
		Follow: follow, LimitBytes: frame.DefaultMaxLogBytes,
	})
	if err != nil {
		return nil, err
	}
	// The connection is of no use any more, whatever closing it says.
	defer func() { _ = log.Close() }()
	if follow {
		return ReadFollowed(log, t.target.Want)
	}
	return ReadFinished(log, t.target.Want)
}

// slot waits for the right to read: at once where a follower is free, else when the container has ended.
func (c *Collector) slot(ctx context.Context, t *task) (follow bool, release func(), err error) {
	select {
	case <-t.kick:
	default:
		select {
		case c.followers <- struct{}{}:
			return true, func() { <-c.followers }, nil
		case <-t.kick:
		case <-ctx.Done():
			return false, nil, ctx.Err()
		}
	}
	select {
	case c.readers <- struct{}{}:
		return false, func() { <-c.readers }, nil
	case <-ctx.Done():
		return false, nil, ctx.Err()
	}
}

// record keeps the progress and wakes the owner.
func (c *Collector) record(t *task, p Progress) {
	c.mu.Lock()
	t.progress = p
	c.mu.Unlock()
	c.notify(t.target.Owner)
}
