package dispatch

import (
	"context"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// fetch is a fetch in progress that groups of several namespaces share.
type fetch struct {
	groups int
	cancel context.CancelFunc
	result
}

// together joins the fetch of another namespace for the same definition, or begins one. Each group has a slot of its
// namespace, so none waits for the turn of another one.
func (p *Pool) together(ctx context.Context, g *group) (*resolvers.Resource, error) {
	f := p.attach(g)
	defer p.detach(g, f)
	select {
	case <-f.done:
		return f.resource, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Pool) attach(g *group) *fetch {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f, ok := p.fetches[g.key.key]; ok {
		f.groups++
		p.shared(g.job, FromFetch)
		return f
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fetch{groups: 1, cancel: cancel, result: result{done: make(chan struct{})}}
	p.fetches[g.key.key] = f
	go p.finish(ctx, g, f)
	return f
}

// finish makes the fetch. What it returns is kept before the next request can begin another fetch.
func (p *Pool) finish(ctx context.Context, g *group, f *fetch) {
	resource, err := p.fetch(ctx, g.job)
	if err == nil {
		p.cache.Add(g.key.key, resource, g.job.Plan.Immutable)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fetches[g.key.key] == f {
		delete(p.fetches, g.key.key)
	}
	f.resource, f.err = resource, err
	close(f.done)
}

// detach leaves a fetch. A fetch without groups is canceled, and no group joins it any more.
func (p *Pool) detach(g *group, f *fetch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.groups--; f.groups > 0 {
		return
	}
	f.cancel()
	if p.fetches[g.key.key] == f {
		delete(p.fetches, g.key.key)
	}
}
