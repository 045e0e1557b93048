// Package request resolves references through ResolutionRequests: the controller creates one, and another program writes the
// definition into its status.
package request

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/validation"
)

// busyPause is how long a run waits while others hold the memory for answers.
const busyPause = time.Second

// Options are the dependencies of a Client. Client, Live, Clock and Config are required.
type Options struct {
	// Client creates requests, and Live reads their answers from the API server.
	Client client.Client
	Live   client.Reader
	// Clock returns the time.
	Clock clock.PassiveClock
	// Config has the time limit, and the limits of definitions.
	Config *config.Store
	// Memory is the memory that all reconciles share; nil for no limit.
	Memory *budget.Budget
	// Cluster makes references to the resolver "cluster" use requests, too, so that another program answers them.
	Cluster bool
}

// Client is the resolve.Fetcher of all resolvers that this process does not serve. A nil Client serves none.
type Client struct {
	Options

	kinds admission.Kinds
	// needed has a value if a request exists and no watch has begun.
	needed chan struct{}
	// watched is the cache of the watch, once it has begun.
	watched atomic.Pointer[cache.Cache]
	// wakers have the controllers of runs, by the kind of the run.
	wakers map[string]watcher
}

// New returns a Client.
func New(o Options) *Client {
	limits := func() validation.Limits {
		settings := o.Config.Load()
		return settings.Limits()
	}
	return &Client{
		Options: o, kinds: admission.All(limits, func() creation.Settings { return creation.Settings{} }),
		needed: make(chan struct{}, 1), wakers: map[string]watcher{},
	}
}

// Join makes references of a Resolver use requests if no Remote of it serves them. It returns the Resolver.
func (c *Client) Join(r *resolve.Resolver) *resolve.Resolver {
	switch {
	case c == nil:
		return r
	case c.Cluster:
		return r.Through(c, resolve.ClusterName)
	default:
		return r.Through(c)
	}
}

// Fetch makes a ResolutionRequest for a reference, unless there is one, and decodes its answer.
func (c *Client) Fetch(ctx context.Context, wanted resolve.Request, into client.Object) (*v1.RefSource, error) {
	request, err := requestFor(wanted)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", resolve.ErrUnresolvable, err)
	}
	now := c.Clock.Now()
	w := wait{wanted: wanted, name: request.Name, now: now, limit: c.Config.Load().Defaults.ResolutionTimeout}
	if known := c.known(ctx, request, wanted); known != nil && !answered(known) {
		return nil, c.bounded(w.outcome(known))
	}
	lease := c.Memory.LeaseFor(wanted.Namespace)
	defer lease.End()
	if !lease.Grow(answerRoom) {
		return nil, w.pending(now.Add(busyPause))
	}
	found, err := c.obtain(ctx, request, &w)
	if err != nil {
		return nil, c.bounded(err)
	}
	if err := w.outcome(found); err != nil {
		return nil, c.bounded(err)
	}
	raw, err := documentOf(found.Status.Data, wanted.Kind)
	if err == nil {
		if !lease.Grow(int64(copies*len(raw) + c.kinds.Weight(wanted.Kind, raw))) {
			return nil, w.pending(now.Add(busyPause))
		}
		err = c.kinds.Decode(ctx, wanted.Kind, raw, into)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the answer of resolver %q in ResolutionRequest %q: %w",
			resolve.ErrUnresolvable, wanted.Resolver, found.Name, err)
	}
	if found.Status.RefSource != nil {
		return found.Status.RefSource, nil
	}
	return found.Status.Source, nil
}

// known returns the request in the cache of the watch, without its answer; nil if it is not there or belongs to another object.
func (c *Client) known(
	ctx context.Context, request *resolutionv1beta1.ResolutionRequest, wanted resolve.Request,
) *resolutionv1beta1.ResolutionRequest {
	watched := c.watched.Load()
	if watched == nil {
		return nil
	}
	found := &resolutionv1beta1.ResolutionRequest{}
	if err := (*watched).Get(ctx, client.ObjectKeyFromObject(request), found); err != nil || !ours(found, wanted) {
		return nil
	}
	return found
}

// bounded limits the time until the next reconcile as long as no watch wakes the run.
func (c *Client) bounded(err error) error {
	pending, ok := errors.AsType[*resolve.PendingError](err)
	if !ok || c.watched.Load() != nil {
		return err
	}
	select {
	case c.needed <- struct{}{}:
	default: // it has one already
	}
	soon := *pending
	if due := c.Clock.Now().Add(reconcile.RetryPeriod); due.Before(soon.Due) {
		soon.Due = due
	}
	return &soon
}
