// Package serve answers ResolutionRequests. A reconcile only starts the work on a request: a goroutine waits for its turn, tries
// again after transient faults, and writes the answer, once.
package serve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/health"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/settings"
)

const (
	// maxPerNamespace is the maximum number of requests of one namespace that are worked on or wait.
	maxPerNamespace = 256
	// maxInAll is the maximum number of requests of all namespaces. Beyond it, each namespace may still have assured ones.
	maxInAll = 4096
	assured  = 16
	// full is the delay of a request that is not accepted yet.
	full = 3 * time.Second
	// off is the delay of a request whose resolver is off. The setting may change.
	off = 30 * time.Second
	// workers is the number of concurrent reconciles. None of them waits for another host.
	workers = 8

	// WriteMemory is the memory in bytes of all answers that are written at the same time, and writeShare that of one namespace:
	// two of the largest answers.
	WriteMemory = 32 << 20
	writeShare  = 16 << 20
	// writeCopies is how many copies of a definition exist while its answer is written: in base64, in the request to the API
	// server, and in its response, which is decoded.
	writeCopies = 6
	// writeRest is the memory in bytes of an answer without its definition.
	writeRest = 64 << 10
)

// Meter counts answers.
type Meter interface {
	// Answered counts an answer of a resolver with the reason of its condition, and the time from the creation of the request.
	Answered(resolver, reason string, duration time.Duration)
}

// Dependencies are what a Reconciler uses.
type Dependencies struct {
	// Client reads requests from the cache and writes their status. Live reads from the API server.
	Client client.Client
	Live   client.Reader
	// Resolvers answer requests, by their type. Requests of other types are left alone.
	Resolvers map[string]resolvers.Resolver
	// Settings returns the settings in force.
	Settings func() *settings.Settings
	Pool     *dispatch.Pool
	// Timeout is how long to try to answer a request. It is longer for a resolver whose fetches may take longer.
	Timeout time.Duration
	Meter   Meter
	Passes  *health.Passes
	Clock   clock.PassiveClock
	Log     logr.Logger
}

// Reconciler answers requests.
type Reconciler struct {
	d     Dependencies
	tries *tries
	// writes is the memory for answers that are written.
	writes *budget.Budget
	base   context.Context //nolint:containedctx // the work on a request outlives its reconcile; it ends with Start
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	active map[types.NamespacedName]*job
	// counts has the number of active requests of each namespace.
	counts map[string]int
}

// job is a request that is worked on. It stays until the cache shows the answer.
type job struct {
	uid    types.UID
	cancel context.CancelFunc
	// ended reports that no goroutine works on it any more.
	ended bool
}

// New returns a Reconciler.
func New(d Dependencies) *Reconciler {
	base, stop := context.WithCancel(context.Background())
	r := &Reconciler{
		d: d, writes: budget.NewShared(WriteMemory, writeShare), base: base, stop: stop,
		active: map[types.NamespacedName]*job{}, counts: map[string]int{},
	}
	r.tries = &tries{
		live: d.Live, pool: d.Pool, resolvers: d.Resolvers, settings: d.Settings, timeout: d.Timeout,
		panicked: func(value any, stack string) {
			d.Log.Error(fmt.Errorf("panic: %v", value), "resolver panicked", "stack", stack)
		},
	}
	return r
}

// Start ends the work on all requests when ctx ends. With it, a manager can run the Reconciler.
func (r *Reconciler) Start(ctx context.Context) error {
	<-ctx.Done()
	r.stop()
	r.work.Wait()
	return nil
}

// SetupWithManager makes mgr call the reconciler for each request.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	if err := mgr.Add(r); err != nil {
		return fmt.Errorf("cannot add resolvers to manager: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).Named("resolutionrequest").
		For(&resolutionv1beta1.ResolutionRequest{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r.d.Passes.Watch("ResolutionRequest", r))
}

// Reconcile starts the work on a request that has no answer. It never waits for another host.
func (r *Reconciler) Reconcile(ctx context.Context, named ctrl.Request) (ctrl.Result, error) {
	request := &resolutionv1beta1.ResolutionRequest{}
	err := r.d.Client.Get(ctx, named.NamespacedName, request)
	if apierrors.IsNotFound(err) || err == nil && (request.Done() || request.DeletionTimestamp != nil) {
		r.forget(named.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("cannot get ResolutionRequest %q: %w", named.String(), err)
	}
	resolver := request.Labels[resolutionv1beta1.LabelType]
	switch {
	case r.d.Resolvers[resolver] == nil:
		return ctrl.Result{}, nil // another program answers it
	case !r.d.Settings().Enabled(resolver):
		return ctrl.Result{RequeueAfter: off}, nil
	case !r.begin(request, resolver):
		return ctrl.Result{RequeueAfter: full}, nil
	default:
		return ctrl.Result{}, nil
	}
}

// begin starts a goroutine for a request, unless there is one. It returns false if there is no room for another one.
func (r *Reconciler) begin(request *resolutionv1beta1.ResolutionRequest, resolver string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := client.ObjectKeyFromObject(request)
	if j, ok := r.active[name]; ok {
		if j.uid == request.UID {
			return true
		}
		r.remove(name, j)
	}
	held := r.counts[request.Namespace]
	if held >= maxPerNamespace || len(r.active) >= maxInAll && held >= assured || r.base.Err() != nil {
		return false
	}
	ctx, cancel := context.WithCancel(r.base)
	j := &job{uid: request.UID, cancel: cancel}
	r.active[name] = j
	r.counts[request.Namespace]++
	r.work.Go(func() {
		defer r.end(j)
		r.answer(ctx, request, resolver)
	})
	return true
}

// end marks a job as ended. It stays known, so that a reconcile with an old version of the request does not begin again.
func (r *Reconciler) end(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j.cancel()
	j.ended = true
}

// forget ends the work on a request that is gone, or has an answer.
func (r *Reconciler) forget(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j, ok := r.active[name]; ok {
		r.remove(name, j)
	}
}

// remove removes a job. The lock is held.
func (r *Reconciler) remove(name types.NamespacedName, j *job) {
	j.cancel()
	delete(r.active, name)
	if r.counts[name.Namespace]--; r.counts[name.Namespace] == 0 {
		delete(r.counts, name.Namespace)
	}
}

// Load returns the number of requests that are worked on.
func (r *Reconciler) Load() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, j := range r.active {
		if !j.ended {
			n++
		}
	}
	return n
}

// answer resolves a request and writes the answer.
func (r *Reconciler) answer(ctx context.Context, request *resolutionv1beta1.ResolutionRequest, resolver string) {
	result, ok := r.tries.resolve(ctx, request, resolver)
	defer result.done()
	if !ok {
		return
	}
	lease := r.writes.LeaseFor(request.Namespace)
	defer lease.End()
	select {
	case <-lease.Ask(result.memory()):
	case <-ctx.Done():
		return
	}
	log := r.d.Log.WithValues("resolver", resolver, "namespace", request.Namespace, "request", request.Name)
	written, err := r.write(ctx, request, result)
	switch {
	case err != nil:
		log.Error(err, "cannot write answer")
		return
	case written == "":
		return // another replica has answered it, or it is gone
	}
	lasted := r.d.Clock.Since(request.CreationTimestamp.Time)
	if r.d.Meter != nil {
		r.d.Meter.Answered(resolver, written, lasted)
	}
	if result.failure != nil {
		log.Info("request failed", "reason", written, "message", result.failure.Message, "cause", details(result.failure),
			"seconds", lasted.Seconds())
		return
	}
	log.Info("request answered", "uri", result.resource.Source.URI, "bytes", len(result.resource.Content), "seconds", lasted.Seconds())
}

// memory returns the memory in bytes for writing an answer.
func (a answer) memory() int64 {
	if a.resource == nil {
		return writeRest
	}
	return min(writeShare, int64(writeCopies*len(a.resource.Content)+writeRest))
}

// details returns the cause of a failure for the log.
func details(failure *resolvers.Error) string {
	if cause := errors.Unwrap(failure); cause != nil {
		return clipped(cause.Error())
	}
	return ""
}
