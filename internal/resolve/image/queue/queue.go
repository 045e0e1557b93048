// Package queue runs image lookups concurrently with the reconcilers, which never wait for a registry: a reconciler makes a
// request, gets the present answer, and is woken when there is news.
//
// Each budget belongs to one namespace, so that its registries cost no other namespace a lookup, a retry or a slot:
//
//   - A namespace has at most PerNamespace lookups in progress, and PerHost of them in one registry. The pool is much larger,
//     and namespaces take turns.
//   - A namespace starts at most Rate lookups per second.
//   - A failed lookup is retried after a delay that doubles, only for this image of this namespace. After Patience the failure
//     is final.
//   - A namespace has at most MaxWaiting waiting lookups, and its answers have at most maxHeld bytes.
package queue

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// Finder looks up the command of an image, within a limited time. An *image.Lookup is a Finder.
type Finder interface {
	// Entrypoint returns an *image.Error if a retry cannot help.
	Entrypoint(ctx context.Context, image string, pull image.Pull) (image.Entrypoint, error)
}

// Options are the limits of a Queue. The zero value of a field selects its default.
type Options struct {
	// Workers is the maximum number of concurrent lookups. Default 64.
	Workers int
	// PerNamespace is the maximum number of concurrent lookups of one namespace. Default 4.
	PerNamespace int
	// PerHost is the maximum number of concurrent lookups of one namespace in one registry. Default 2.
	PerHost int
	// Rate is the number of lookups that a namespace may start in a second, and Burst the number at once after a pause.
	// Default 10 and 40.
	Rate  float64
	Burst int
	// MaxWaiting is the maximum number of waiting lookups of one namespace. Default 256.
	MaxWaiting int
	// MaxWaitingInAll is the maximum number of waiting lookups in all namespaces. Beyond it, each namespace may still have
	// Assured waiting lookups. Default 4096 and 16.
	MaxWaitingInAll, Assured int
	// FirstBackoff is the delay after the first failure. It doubles up to MaxBackoff. Default 1 s and 2 min.
	FirstBackoff, MaxBackoff time.Duration
	// Patience is the time from the first failure of a lookup until its failure is final. Default 10 min.
	Patience time.Duration
	// Log gets the details of failures that are not in messages: at most one in 10 seconds for each namespace.
	Log logr.Logger
}

// DefaultWorkers is the default of Workers.
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

// Queue runs lookups. Its methods return immediately and are safe for concurrent use.
type Queue struct {
	finder  Finder
	wake    func(types.NamespacedName)
	options Options
	base    context.Context //nolint:containedctx // lookups outlive the call that requests them; it ends with Start
	stop    context.CancelFunc

	mu sync.Mutex
	// runs are those that wait for lookups, or have answers.
	runs map[types.NamespacedName]*run
	// open are the jobs that further runs may join: those that wait for their turn, or for their next try.
	open map[key]*job
	// busy are the lookups in progress: one for each key.
	busy    map[key]*job
	tenants map[string]*tenant
	// ring has the tenants with ready jobs, in the order of their turns.
	ring    []*tenant
	resting resting
	waiting int
	// sweepAt is the number of tenants at which idle ones are dropped.
	sweepAt int
	timer   *time.Timer
	timerAt time.Time
}

// run is a TaskRun with requests.
type run struct {
	uid types.UID
	// asked is the time of its first request.
	asked time.Time
	jobs  map[key]*job
}

// newFor is how long the lookups of a run count as new: most end sooner.
const newFor = 900 * time.Millisecond

func (r *run) isNew() bool { return time.Since(r.asked) < newFor }

// New returns a Queue that uses finder. When there is news for a run, it calls wake in a separate goroutine.
func New(finder Finder, wake func(types.NamespacedName), options Options) *Queue {
	base, stop := context.WithCancel(context.Background())
	return &Queue{
		finder: finder, wake: wake, options: options.withDefaults(), base: base, stop: stop,
		runs: map[types.NamespacedName]*run{}, open: map[key]*job{}, busy: map[key]*job{}, tenants: map[string]*tenant{},
		sweepAt: sweepFrom,
	}
}

// Entrypoint returns the command of the image, if a lookup that this owner requested has found it. The error is an
// *image.Error if no retry can help, and otherwise an *image.WaitError: the owner is woken when there is news.
//
// An answer is kept for the owner until Forget. A lookup that began before the owner's request does not answer it, because a
// tag may have moved since.
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

// runOf returns the run of this owner. It drops the requests of an earlier run with the same name.
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

// drop removes a run without requests.
func (q *Queue) drop(owner types.NamespacedName, r *run) {
	if len(r.jobs) == 0 {
		delete(q.runs, owner)
	}
}

// Forget drops the requests of the owner. It ends lookups for which no other run waits.
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

// Start stops all lookups when ctx ends. With it, a manager can run the Queue.
func (q *Queue) Start(ctx context.Context) error {
	<-ctx.Done()
	q.stop()
	return nil
}
