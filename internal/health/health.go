// Package health reports whether the controller makes progress (/healthz), and whether it is ready (/readyz).
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

// Patience is how long reconciles may be in progress, without the end of any, before the controller counts as stuck. A
// reconcile takes milliseconds. One that starts a thousand TaskRuns while the API server rejects most requests takes minutes.
// While the API server is unavailable, reconciles fail, and therefore end.
const Patience = 10 * time.Minute

// Passes are the reconciles of the controller. A nil Passes watches nothing.
type Passes struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	kind map[string]*passes
}

// passes are the reconciles of one kind of object.
type passes struct {
	underWay int
	// since is the end of the last reconcile, or the start of the first one in progress after an idle time.
	since time.Time
}

// New returns Passes without reconciles.
func New(c clock.PassiveClock) *Passes {
	return &Passes{clock: c, kind: map[string]*passes{}}
}

// Watch returns a reconciler that calls another one, and counts its reconciles for this kind.
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

// Check returns an error with the kind whose reconciles do not end any more, for a liveness probe. One hanging reconcile
// beside others that end is no reason to restart: workqueue_longest_running_processor_seconds shows it.
func (p *Passes) Check(*http.Request) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, k := range p.kind {
		if stuck := p.clock.Since(k.since); k.underWay > 0 && stuck >= Patience {
			return fmt.Errorf("no reconcile of a %s has ended for %s, and %d are in progress", kind, stuck.Round(time.Second), k.underWay)
		}
	}
	return nil
}

// The errors of a closed Gate.
var (
	ErrNotSynced = errors.New("the caches are not filled yet")
	ErrStopping  = errors.New("the controller is stopping")
)

// Gate is open from the time when the caches are filled until the controller begins to stop. The Gate of a standby replica is
// also open: that replica serves webhooks, and can become leader at once.
type Gate struct {
	opened chan struct{}
	closed <-chan struct{}
}

// NewGate returns a Gate that is permanently closed after stop is closed.
func NewGate(stop <-chan struct{}) *Gate {
	return &Gate{opened: make(chan struct{}), closed: stop}
}

// Start opens the gate. A manager calls it after its caches are filled.
func (g *Gate) Start(context.Context) error {
	close(g.opened)
	return nil
}

// NeedLeaderElection returns false, because a standby replica is ready too.
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
