// Package dispatch runs the fetches of resolvers. A namespace has its own slots and its own slots for each host, so that a host
// that never answers delays no other namespace. Requests for the same definition share a fetch, and the cache keeps what may be
// kept.
package dispatch

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// Options are the limits of a Pool. The zero value of a field selects its default.
type Options struct {
	// Slots is the maximum number of concurrent fetches, and of definitions that wait to be written. Default DefaultSlots.
	Slots int64
	// PerNamespace is the maximum number of concurrent fetches of one namespace. Default 6.
	PerNamespace int64
	// PerHost is the maximum number of concurrent fetches of one namespace from one host. Default 3.
	PerHost int64
	// Meter counts fetches; nil counts nothing.
	Meter Meter
	// Log gets panics.
	Log logr.Logger
}

// Meter counts what a Pool does.
type Meter interface {
	// Fetched counts a fetch that has ended, and its duration.
	Fetched(resolver string, duration time.Duration, err error)
	// Shared counts a definition without its own fetch: it came from the cache, or from the fetch of another request.
	Shared(resolver, from string)
}

// The values of from in Meter.Shared.
const (
	FromCache = "cache"
	FromFetch = "fetch"
)

// Job is a fetch for one request.
type Job struct {
	// Resolver is the type of the resolver.
	Resolver string
	// Namespace is the namespace of the request.
	Namespace string
	// Credentials identify what Prepare has read; nil for a fetch without credentials. See Credentials.
	Credentials []byte
	// Timeout is the maximum time of the fetch, without the time in which it waits for its turn.
	Timeout time.Duration
	// Plan is what the resolver would fetch.
	Plan *resolvers.Plan
}

// shareable reports whether the definition may come from the cache, or from a fetch that began before this request.
func (j Job) shareable() bool {
	return j.Plan.Cache != resolvers.CacheNever && (j.Plan.Immutable || j.Plan.Cache == resolvers.CacheAlways)
}

// Pool runs fetches. It is safe for concurrent use.
type Pool struct {
	options      Options
	cache        *Cache
	slots, hosts *budget.Budget
	// answers is the memory for the answers of hosts.
	answers *budget.Budget
	secret  []byte
	// checking is held while a definition is decoded: one of many small elements takes much more memory than its size.
	checking          sync.Mutex
	mu                sync.Mutex
	groups            map[groupKey]*group
	fetches           map[Key]*fetch
	running, attended int
}

// AnswerMemory is the memory in bytes for the answers of hosts to all fetches, beyond the free bytes of each client. The
// resolver git counts what it fetches from repositories itself.
const AnswerMemory = 48 << 20

// DefaultSlots is the maximum number of concurrent fetches without a setting.
const DefaultSlots = 32

// unlimited is the limit of all fetches from hosts together, which the slots limit.
const unlimited = 1 << 40

// NewPool returns a Pool that keeps definitions in cache.
func NewPool(cache *Cache, o Options) *Pool {
	for value, otherwise := range map[*int64]int64{&o.Slots: DefaultSlots, &o.PerNamespace: 6, &o.PerHost: 3} {
		if *value <= 0 {
			*value = otherwise
		}
	}
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // it never fails
	return &Pool{
		options: o, cache: cache, slots: budget.NewShared(o.Slots, o.PerNamespace), hosts: budget.NewShared(unlimited, o.PerHost),
		answers: budget.New(AnswerMemory), secret: secret, groups: map[groupKey]*group{}, fetches: map[Key]*fetch{},
	}
}

// Credentials returns the identity of credentials with this content. It has the namespace, so that no namespace gets what
// another one's credentials have fetched. The content cannot be guessed from it.
func (p *Pool) Credentials(namespace string, read [][]byte) []byte {
	if len(read) == 0 {
		return nil
	}
	mac := hmac.New(sha256.New, p.secret)
	for _, part := range append([][]byte{[]byte(namespace)}, read...) {
		_, _ = fmt.Fprintf(mac, "%d:", len(part))
		_, _ = mac.Write(part)
	}
	return mac.Sum(nil)
}

// keyOf returns the key of the definition of a job.
func keyOf(j Job) Key {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %x %q", j.Resolver, j.Credentials, j.Plan.Key)
	return Key(h.Sum(nil))
}

// groupKey distinguishes the requests of a namespace that may share a fetch.
type groupKey struct {
	namespace string
	key       Key
	shareable bool
}

// group is the requests of one namespace for the same definition.
type group struct {
	job     Job
	key     groupKey
	waiters int
	// started reports that it has its turn. A request that comes later must not join it unless it is shareable: a branch may
	// have moved since.
	started bool
	// leases are the slots of the group. It keeps them until its requests have left it, so that definitions that wait to be
	// written are never more than slots.
	leases []*budget.Lease
	ended  bool
	// before is closed when the group before this one has ended; nil without one. So a branch that many requests name is fetched
	// by one request after the other, and not by all slots.
	before <-chan struct{}
	cancel context.CancelFunc
	result
}

// result is what a group or a fetch ends with. Its fields are set before done is closed.
type result struct {
	done     chan struct{}
	resource *resolvers.Resource
	err      error
}

// Do returns the definition of a job. It waits for its turn and for the fetch, until ctx ends. The caller must call release
// when it needs the definition no more: until then the definition takes a slot of the namespace.
func (p *Pool) Do(ctx context.Context, j Job) (found *resolvers.Resource, release func(), err error) {
	key := groupKey{namespace: j.Namespace, key: keyOf(j), shareable: j.shareable()}
	if found := p.kept(key, j); found != nil {
		return found, func() {}, nil
	}
	g := p.join(key, j)
	select {
	case <-g.done:
	case <-ctx.Done():
		p.leave(g)
		return nil, func() {}, ctx.Err()
	}
	if g.err != nil {
		p.leave(g)
		return nil, func() {}, g.err
	}
	return g.resource, sync.OnceFunc(func() { p.leave(g) }), nil
}

// kept returns the definition from the cache, if it may come from there.
func (p *Pool) kept(key groupKey, j Job) *resolvers.Resource {
	if !key.shareable {
		return nil
	}
	found := p.cache.Get(key.key)
	if found != nil {
		p.shared(j, FromCache)
	}
	return found
}

func (p *Pool) shared(j Job, from string) {
	if p.options.Meter != nil {
		p.options.Meter.Shared(j.Resolver, from)
	}
}

// join adds a request to the group that it may share a fetch with, or to a new one.
func (p *Pool) join(key groupKey, j Job) *group {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attended++
	last, ok := p.groups[key]
	if ok && (key.shareable || !last.started) {
		last.waiters++
		p.shared(j, FromFetch)
		return last
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &group{job: j, key: key, waiters: 1, cancel: cancel, result: result{done: make(chan struct{})}}
	if ok {
		g.before = last.done
	}
	p.groups[key] = g
	go p.run(ctx, g)
	return g
}

// leave removes a request from its group. A group without requests ends.
func (p *Pool) leave(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attended--
	if g.waiters--; g.waiters == 0 {
		g.cancel()
		p.forget(g)
		g.end()
	}
}

// end returns the slots of a group that has ended and has no requests. The lock is held.
func (g *group) end() {
	if !g.ended || g.waiters > 0 {
		return
	}
	for _, lease := range g.leases {
		lease.End()
	}
	g.leases = nil
}

// forget makes the next request begin a new group. The lock is held.
func (p *Pool) forget(g *group) {
	if p.groups[g.key] == g {
		delete(p.groups, g.key)
	}
}

// run waits for the turn of a group, and ends it.
func (p *Pool) run(ctx context.Context, g *group) {
	resource, err := p.inTurn(ctx, g)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(g)
	g.resource, g.err, g.ended = resource, err, true
	g.end()
	close(g.done)
}

// inTurn waits for the group before, for a slot of the host, and for one of the namespace, and gets the definition.
func (p *Pool) inTurn(ctx context.Context, g *group) (*resolvers.Resource, error) {
	if g.before != nil {
		select {
		case <-g.before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	leases := []*budget.Lease{p.slots.LeaseFor(g.job.Namespace)}
	if g.job.Plan.Host != "" {
		leases = append([]*budget.Lease{p.hosts.LeaseFor(g.job.Namespace + "/" + g.job.Plan.Host)}, leases...)
	}
	g.leases = leases
	for _, lease := range leases {
		select {
		case <-lease.Ask(1):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.mu.Lock()
	g.started = true
	p.mu.Unlock()
	if !g.key.shareable {
		return p.fetch(ctx, g.job)
	}
	if found := p.kept(g.key, g.job); found != nil {
		return found, nil
	}
	return p.together(ctx, g)
}

// Load returns the number of fetches in progress, and of requests that wait for one.
func (p *Pool) Load() (fetches, requests int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running, p.attended
}

// errPanic is the cause of a fetch that panicked.
var errPanic = errors.New("the fetch panicked")

// fetch calls the resolver, and checks what it returns. It recovers from a panic, so that data of a host cannot end the program.
func (p *Pool) fetch(ctx context.Context, j Job) (found *resolvers.Resource, err error) {
	p.count(1)
	defer p.count(-1)
	began := time.Now()
	defer func() {
		if value := recover(); value != nil {
			p.options.Log.Error(fmt.Errorf("panic: %v", value), "fetch panicked",
				"resolver", j.Resolver, "namespace", j.Namespace, "stack", string(debug.Stack()))
			found, err = nil, resolvers.Failed(errPanic, "the resolver could not read the definition; see the log of the resolvers")
		}
		if p.options.Meter != nil {
			p.options.Meter.Fetched(j.Resolver, time.Since(began), err)
		}
	}()
	timed, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	lease := p.answers.Lease()
	defer lease.End()
	found, err = j.Plan.Fetch(outbound.WithMemory(timed, lease))
	if err == nil {
		err = p.check(found.Content)
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

// check checks one definition at a time.
func (p *Pool) check(text []byte) error {
	p.checking.Lock()
	defer p.checking.Unlock()
	return content.Check(text)
}

func (p *Pool) count(change int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running += change
}
