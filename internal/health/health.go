// Package health tells whether the controller gets on with its work, and whether it is ready for it: what /healthz and
// /readyz answer.
package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Patience is how long a controller may be at work without ending a single pass before it counts as stuck. A pass takes
// milliseconds; one that starts a thousand TaskRuns on an API server that turns most requests away takes minutes. While the
// API server is away, passes fail, and so they end.
const Patience = 10 * time.Minute

// Passes are those that the reconcilers make. A nil one watches nothing.
type Passes struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	kind map[string]*passes
}

// passes are those of one kind of object.
type passes struct {
	underWay int
	// since is when the last pass ended, or when the first one of those under way began after a time without any.
	since time.Time
}

// New returns Passes of which there were none yet.
func New(c clock.PassiveClock) *Passes {
	return &Passes{clock: c, kind: map[string]*passes{}}
}

// Watch returns a reconciler that makes the passes of another one, which are those of this kind.
func (p *Passes) Watch(kind string, of reconcile.Reconciler) reconcile.Reconciler {
	if p == nil {
		return of
	}
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		p.begin(kind)
		defer p.end(kind)
		return of.Reconcile(ctx, request)
	})
}

func (p *Passes) begin(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kind[kind] == nil {
		p.kind[kind] = &passes{}
	}
	k := p.kind[kind]
	if k.underWay == 0 {
		k.since = p.clock.Now()
	}
	k.underWay++
}

func (p *Passes) end(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.kind[kind]
	k.underWay--
	k.since = p.clock.Now()
}

// Check returns an error that names the kind whose passes do not end any more, for a liveness probe. One pass that hangs
// beside others that end is no reason to restart: workqueue_longest_running_processor_seconds shows it.
func (p *Passes) Check(*http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, k := range p.kind {
		if stuck := p.clock.Since(k.since); k.underWay > 0 && stuck >= Patience {
			return fmt.Errorf("no pass over a %s has ended for %s, and %d are under way", kind, stuck.Round(time.Second), k.underWay)
		}
	}
	return nil
}

// What a Gate says while it is closed.
var (
	ErrNotSynced = errors.New("what the API server holds has not been read yet")
	ErrStopping  = errors.New("the controller is stopping")
)

// Gate is open from the moment at which the caches hold what the API server holds, until the controller is told to stop. A
// replica that stands by has its gate open, too: it serves webhooks, and can lead at once.
type Gate struct {
	opened chan struct{}
	closed <-chan struct{}
}

// NewGate returns a Gate that is closed for good when stop is.
func NewGate(stop <-chan struct{}) *Gate {
	return &Gate{opened: make(chan struct{}), closed: stop}
}

// Start opens the gate: a manager starts what is added to it once its caches are filled.
func (g *Gate) Start(context.Context) error {
	close(g.opened)
	return nil
}

// NeedLeaderElection reports that standing by does not keep a gate closed.
func (*Gate) NeedLeaderElection() bool { return false }

// Check returns nil while the gate is open, for a readiness probe.
func (g *Gate) Check(*http.Request) error {
	select {
	case <-g.closed:
		return ErrStopping
	default:
	}
	select {
	case <-g.opened:
		return nil
	default:
		return ErrNotSynced
	}
}
