// Package queue runs image lookups beside the reconcilers, which never wait for a registry: a reconciler asks, gets what
// is known, and is woken when there is more.
//
// All budgets belong to one namespace, so that its registries cost nobody else a lookup, a retry or a slot:
//
//   - A namespace has at most PerNamespace lookups under way, and PerHost of them at one registry. The pool is much larger,
//     and namespaces take turns.
//   - A namespace starts at most Rate lookups a second.
//   - A lookup that fails is retried after a wait that doubles, for this image of this namespace only. After Patience the
//     failure is final.
//   - A namespace has at most MaxWaiting lookups that wait, and its answers at most maxHeld bytes.
package queue

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// Finder looks up what an image runs, within a bounded time. An *image.Lookup is one.
type Finder interface {
	// Entrypoint returns an *image.Error when a retry cannot help.
	Entrypoint(ctx context.Context, image string, pull image.Pull) (image.Entrypoint, error)
}

// Options bound a Queue. The zero value of each field means its default.
type Options struct {
	// Workers is how many lookups are under way at once. Default 64.
	Workers int
	// PerNamespace is how many of these may be for one namespace. Default 4.
	PerNamespace int
	// PerHost is how many of these may be at one registry, for one namespace. Default 2.
	PerHost int
	// Rate is how many lookups a namespace may start in a second, and Burst how many at once after a pause. Default 10
	// and 40.
	Rate  float64
	Burst int
	// MaxWaiting is how many lookups of one namespace may wait. Default 256.
	MaxWaiting int
	// MaxWaitingInAll is how many lookups may wait in all namespaces; beyond that, a namespace may have Assured that
	// wait. Default 4096 and 16.
	MaxWaitingInAll, Assured int
	// FirstBackoff is the wait after the first failure. It doubles up to MaxBackoff. Default 1 s and 2 min.
	FirstBackoff, MaxBackoff time.Duration
	// Patience is the time from the first failure of a lookup until its failure is final. Default 10 min.
	Patience time.Duration
	// Log gets the details of failures, which messages leave out: at most one in 10 seconds for each namespace.
	Log logr.Logger
}

// DefaultWorkers is how many lookups are under way at the same time by default.
const DefaultWorkers = 64

func (o Options) withDefaults() Options {
	orElse(&o.Workers, DefaultWorkers)
	orElse(&o.PerNamespace, 4)
	orElse(&o.PerHost, 2)
	orElse(&o.Rate, 10)
	orElse(&o.Burst, 40)
	orElse(&o.MaxWaiting, 256)
	orElse(&o.MaxWaitingInAll, 4096)
	orElse(&o.Assured, 16)
	orElse(&o.FirstBackoff, time.Second)
	orElse(&o.MaxBackoff, 2*time.Minute)
	orElse(&o.Patience, 10*time.Minute)
	return o
}

func orElse[T int | float64 | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// Queue runs lookups. Its methods return at once and may be called by several goroutines.
type Queue struct {
	finder  Finder
	wake    func(types.NamespacedName)
	options Options
	base    context.Context //nolint:containedctx // lookups outlive the call that asks for them; it ends with Start
	stop    context.CancelFunc

	mu sync.Mutex
	// runs are those that wait for lookups, or have answers.
	runs map[types.NamespacedName]*run
	// open are the jobs that another run may join: those that wait for their turn, or for their next attempt.
	open map[key]*job
	// busy are the lookups under way: one for each key.
	busy    map[key]*job
	tenants map[string]*tenant
	// ring holds the tenants that have jobs which are ready, in the order of their turns.
	ring    []*tenant
	resting resting
	waiting int
	// sweepAt is the number of tenants at which idle ones are dropped.
	sweepAt int
	timer   *time.Timer
	timerAt time.Time
}

// run is a TaskRun that has asked.
type run struct {
	uid types.UID
	// asked is when it first did so.
	asked time.Time
	jobs  map[key]*job
}

// newFor is how long the lookups of a run are new: most end sooner.
const newFor = 900 * time.Millisecond

func (r *run) isNew() bool { return time.Since(r.asked) < newFor }

// New returns a Queue that looks up with finder, and calls wake, from goroutines of its own, with each run that has asked
// and for which there is more to say.
func New(finder Finder, wake func(types.NamespacedName), options Options) *Queue {
	base, stop := context.WithCancel(context.Background())
	return &Queue{
		finder: finder, wake: wake, options: options.withDefaults(), base: base, stop: stop,
		runs: map[types.NamespacedName]*run{}, open: map[key]*job{}, busy: map[key]*job{}, tenants: map[string]*tenant{},
		sweepAt: sweepFrom,
	}
}

// Entrypoint returns what the image runs, if a lookup that this owner has asked for has found it. The error is an
// *image.Error when no retry can help, otherwise an *image.WaitError: the owner is woken when there is more to say.
//
// An answer stays with the owner until Forget. A lookup that began before the owner asked answers others only, because a
// tag may have moved meanwhile.
func (q *Queue) Entrypoint(owner image.Owner, name string, pull image.Pull) (image.Entrypoint, error) {
	host, err := image.Host(name, pull)
	if err != nil {
		return image.Entrypoint{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.runOf(owner)
	k := keyOf(name, pull)
	if j, ok := r.jobs[k]; ok {
		return j.entrypoint, j.outcome(name, pull, r.isNew())
	}
	j, ok := q.open[k]
	if !ok {
		if !q.admits(pull.Namespace) {
			q.drop(owner.NamespacedName, r)
			return image.Entrypoint{}, &image.WaitError{Image: name, Step: pull.Step, Full: true, Why: q.fullMessage()}
		}
		j = q.add(k, host, name, pull)
	}
	j.owners[owner.NamespacedName] = struct{}{}
	r.jobs[k] = j
	q.dispatch(time.Now())
	return image.Entrypoint{}, j.wait(name, pull, r.isNew())
}

// runOf returns the run of this owner. What another run of the same name has asked for is forgotten.
func (q *Queue) runOf(owner image.Owner) *run {
	r, ok := q.runs[owner.NamespacedName]
	if ok && r.uid != owner.UID {
		q.forget(owner.NamespacedName)
		ok = false
	}
	if !ok {
		r = &run{uid: owner.UID, asked: time.Now(), jobs: map[key]*job{}}
		q.runs[owner.NamespacedName] = r
	}
	return r
}

// drop removes a run that has asked for nothing.
func (q *Queue) drop(owner types.NamespacedName, r *run) {
	if len(r.jobs) == 0 {
		delete(q.runs, owner)
	}
}

// Forget drops what the owner has asked for. Lookups that nobody else waits for are ended.
func (q *Queue) Forget(owner types.NamespacedName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.runs[owner]; ok {
		q.forget(owner)
		q.dispatch(time.Now())
	}
}

func (q *Queue) forget(owner types.NamespacedName) {
	for _, j := range q.runs[owner].jobs {
		delete(j.owners, owner)
		if len(j.owners) == 0 {
			q.remove(j)
		}
	}
	delete(q.runs, owner)
}

// Start waits for ctx to end and then ends all lookups, so that a manager can run the Queue.
func (q *Queue) Start(ctx context.Context) error {
	<-ctx.Done()
	q.stop()
	return nil
}
