package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

func newPool(o Options) *Pool {
	return NewPool(NewCache(func() Limits { return Limits{MaxEntries: 100, TTL: time.Minute} }, time.Now), o)
}

// get returns a definition as if it were written immediately.
func (p *Pool) get(ctx context.Context, j Job) (*resolvers.Resource, error) {
	found, release, err := p.Do(ctx, j)
	release()
	return found, err
}

// named returns a definition whose name says who fetched it.
func named(name string) *resolvers.Resource {
	return &resolvers.Resource{Content: fmt.Appendf(nil, "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: %q}\n", name)}
}

// source is a host that counts its requests, and answers after a while.
type source struct {
	fetches atomic.Int64
	lasts   time.Duration
}

func (s *source) job(namespace, key string, immutable bool) Job {
	return Job{
		Resolver: "git", Namespace: namespace, Timeout: time.Minute,
		Plan: &resolvers.Plan{Key: key, Host: "example.com", Immutable: immutable, Fetch: func(ctx context.Context) (*resolvers.Resource, error) {
			n := s.fetches.Add(1)
			select {
			case <-time.After(s.lasts):
				return named(fmt.Sprintf("fetch-%d", n)), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}},
	}
}

// together makes all calls at once, and waits for them.
func together(calls ...func()) {
	var all sync.WaitGroup
	for _, call := range calls {
		all.Go(call)
	}
	all.Wait()
}

func TestRequestsShareOneFetch(t *testing.T) {
	cases := map[string]struct {
		reason     string
		namespaces int
		immutable  bool
		cache      resolvers.CacheMode
		// want is the maximum number of fetches for 200 requests at once, and again that for one more afterwards.
		want, again int64
	}{
		"OneCommit": {
			reason:     "A commit is fetched once.",
			namespaces: 1,
			immutable:  true,
			want:       1,
		},
		"OneCommitByTenants": {
			reason:     "Also for many namespaces.",
			namespaces: 20,
			immutable:  true,
			want:       1,
		},
		"OneBranch": {
			reason:     "Those that come while a fetch is in progress share the next one.",
			namespaces: 1,
			want:       2,
			again:      1,
		},
		"AlwaysCached": {
			reason:     "The user accepts an old state of the branch.",
			namespaces: 20,
			cache:      resolvers.CacheAlways,
			want:       1,
		},
		"NeverCached": {
			reason:     "The user wants a new fetch, also of a commit.",
			namespaces: 1,
			immutable:  true,
			cache:      resolvers.CacheNever,
			want:       2,
			again:      1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := &source{lasts: time.Second}, newPool(Options{})
				request := func(i int) func() {
					return func() {
						j := s.job(fmt.Sprintf("tenant-%d", i%tc.namespaces), "commit", tc.immutable)
						j.Plan.Cache = tc.cache
						if _, err := p.get(t.Context(), j); err != nil {
							t.Error(err)
						}
					}
				}
				var calls []func()
				for i := range 200 {
					calls = append(calls, request(i))
				}
				together(calls...)
				first := s.fetches.Load()
				if first < 1 || first > tc.want {
					t.Errorf("%s\nwant 1 to %d fetches, got %d", tc.reason, tc.want, first)
				}
				request(0)()
				if more := s.fetches.Load() - first; more != tc.again {
					t.Errorf("%s\nwant %d fetches for one more request, got %d", tc.reason, tc.again, more)
				}
			})
		})
	}
}

// TestBranchIsFetchedAfterTheRequest: a request for a branch does not get the answer of a fetch that began before it.
func TestBranchIsFetchedAfterTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := &source{lasts: time.Second}, newPool(Options{})
		var first, second *resolvers.Resource
		together(func() {
			first, _ = p.get(t.Context(), s.job("a", "main", false))
		}, func() {
			<-time.After(time.Millisecond) // the first fetch is in progress
			second, _ = p.get(t.Context(), s.job("a", "main", false))
		})
		if first == nil || second == nil || string(first.Content) == string(second.Content) {
			t.Error("want two fetches")
		}
	})
}

// TestTarpitDelaysNoOtherTenant: hosts that never answer take only the slots of the namespace that asks them.
func TestTarpitDelaysNoOtherTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for tenant := range 4 {
			for i := range 500 {
				j := (&source{lasts: time.Hour}).job(fmt.Sprintf("tenant-%d", tenant), fmt.Sprintf("key-%d-%d", tenant, i), true)
				j.Plan.Host = fmt.Sprintf("tarpit-%d.example.com", i)
				waiting.Go(func() { _, _ = p.get(ctx, j) })
			}
		}
		synctest.Wait()
		if fetches, _ := p.Load(); fetches != 4*6 {
			t.Errorf("want 6 fetches of each namespace, got %d in all", fetches)
		}
		began := time.Now()
		if _, err := p.get(t.Context(), (&source{}).job("other", "key", true)); err != nil || time.Since(began) != 0 {
			t.Errorf("want an answer at once, got %v after %s", err, time.Since(began))
		}
		cancel()
		waiting.Wait()
		synctest.Wait()
		if fetches, requests := p.Load(); fetches != 0 || requests != 0 || len(p.groups) != 0 || len(p.fetches) != 0 || p.slots.Held() != 0 {
			t.Errorf("want nothing left, got %d fetches, %d requests, %d groups", fetches, requests, len(p.groups))
		}
	})
}

// TestOneHostTakesNotAllSlots: a slow host leaves slots for the other hosts of the namespace.
func TestOneHostTakesNotAllSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for i := range 50 {
			j := (&source{lasts: time.Hour}).job("a", fmt.Sprintf("key-%d", i), true)
			j.Plan.Host = "slow.example.com"
			waiting.Go(func() { _, _ = p.get(ctx, j) })
		}
		synctest.Wait()
		if _, err := p.get(t.Context(), (&source{}).job("a", "key", true)); err != nil {
			t.Errorf("want an answer of another host, got %v", err)
		}
		cancel()
		waiting.Wait()
	})
}

// TestFetchEndsWithItsRequests: a fetch that no request waits for is canceled, and one that a request waits for is not.
func TestFetchEndsWithItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := &source{lasts: time.Minute / 2}, newPool(Options{})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var left, stayed error
		together(
			func() { _, left = p.get(short, s.job("a", "commit", true)) },
			func() { _, stayed = p.get(t.Context(), s.job("b", "commit", true)) },
		)
		if !errors.Is(left, context.DeadlineExceeded) || stayed != nil || s.fetches.Load() != 1 {
			t.Errorf("want the fetch of the one that stays, got %v, %v and %d fetches", left, stayed, s.fetches.Load())
		}
	})
}

func TestTimeoutOfAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := newPool(Options{}).get(t.Context(), (&source{lasts: time.Hour}).job("a", "commit", true))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("want the timeout of the fetch, got %v", err)
		}
	})
}

func TestWhatIsNotKept(t *testing.T) {
	cases := map[string]struct {
		reason string
		fetch  func(context.Context) (*resolvers.Resource, error)
		says   string
	}{
		"Failure": {
			reason: "The next request may succeed.",
			fetch:  func(context.Context) (*resolvers.Resource, error) { return nil, resolvers.Failed(nil, "no such file") },
			says:   "no such file",
		},
		"WrongKind": {
			reason: "What is fetched is checked.",
			fetch: func(context.Context) (*resolvers.Resource, error) {
				return &resolvers.Resource{Content: []byte("apiVersion: v1\nkind: Secret")}, nil
			},
			says: "want a Task, a Pipeline or a StepAction",
		},
		"Panic": {
			reason: "Data of a host cannot end the program, nor is it repeated.",
			fetch:  func(context.Context) (*resolvers.Resource, error) { panic("secret") },
			says:   "the resolver could not read the definition",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPool(Options{})
			_, err := p.get(t.Context(), Job{
				Resolver: "git", Namespace: "a", Timeout: time.Minute, Plan: &resolvers.Plan{Key: "commit", Immutable: true, Fetch: tc.fetch},
			})
			if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s\nwant error with %q, got %v", tc.reason, tc.says, err)
			}
			if entries, _ := p.cache.Load(); entries != 0 {
				t.Errorf("%s\nwant nothing kept, got %d", tc.reason, entries)
			}
		})
	}
}

// TestTenantsAreApart: whatever is requested at whatever time, a request gets only what was fetched with the same credentials, or
// without any; and a request that forbids the cache gets a fetch that began after it.
func TestTenantsAreApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type asked struct {
			namespace, secret, key string
			immutable              bool
			cache                  resolvers.CacheMode
			after                  time.Duration
		}
		var all []asked
		for range rapid.IntRange(1, 30).Draw(rt, "requests") {
			key := rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "key")
			all = append(all, asked{
				namespace: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "namespace"),
				secret:    rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(rt, "secret"),
				key:       key,
				immutable: key == "x",
				cache:     rapid.SampledFrom([]resolvers.CacheMode{"", resolvers.CacheAlways, resolvers.CacheNever}).Draw(rt, "cache"),
				after:     time.Duration(rapid.IntRange(0, 5).Draw(rt, "after")) * time.Second,
			})
		}
		synctest.Test(t, func(t *testing.T) {
			p := newPool(Options{PerNamespace: 2, PerHost: 2})
			began := time.Now()
			var calls []func()
			for _, one := range all {
				calls = append(calls, func() {
					<-time.After(one.after)
					owner := ""
					var read [][]byte
					if one.secret != "" {
						owner, read = one.namespace+"/"+one.secret, [][]byte{[]byte(one.secret)}
					}
					madeAt := time.Since(began)
					var fetchBegan time.Duration
					found, err := p.get(t.Context(), Job{
						Resolver: "git", Namespace: one.namespace, Credentials: p.Credentials(one.namespace, read), Timeout: time.Minute,
						Plan: &resolvers.Plan{Key: one.key, Host: "h", Immutable: one.immutable, Cache: one.cache,
							Fetch: func(context.Context) (*resolvers.Resource, error) {
								fetchBegan = time.Since(began)
								<-time.After(time.Second)
								resource := named(owner + " " + one.key)
								resource.Annotations = map[string]string{"began": fetchBegan.String()}
								return resource, nil
							}},
					})
					if err != nil {
						t.Errorf("unexpected error %v", err)
						return
					}
					if !strings.Contains(string(found.Content), fmt.Sprintf("%q", owner+" "+one.key)) {
						t.Errorf("a request of %q got %s", owner, found.Content)
					}
					at, err := time.ParseDuration(found.Annotations["began"])
					if fresh := one.cache == resolvers.CacheNever || one.cache == "" && !one.immutable; err != nil || fresh && at < madeAt {
						t.Errorf("a request at %s got a fetch that began at %s", madeAt, at)
					}
				})
			}
			together(calls...)
		})
	})
}

// TestDefinitionKeepsItsSlot: definitions that wait to be written are never more than the slots, so that a slow API server
// cannot make the program hold one for each request.
func TestDefinitionKeepsItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := &source{lasts: time.Second}, newPool(Options{Slots: 2, PerNamespace: 2})
		var releases []func()
		for _, key := range []string{"a", "b"} {
			_, release, err := p.Do(t.Context(), s.job("team", key, false))
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := p.get(short, s.job("team", "c", false)); err == nil || s.fetches.Load() != 2 {
			t.Errorf("want no third fetch while two definitions wait, got %d fetches, %v", s.fetches.Load(), err)
		}
		releases[0]()
		releases[0]() // a second call has no effect
		if _, err := p.get(t.Context(), s.job("team", "c", false)); err != nil || s.fetches.Load() != 3 {
			t.Errorf("want a fetch once one was written, got %d fetches, %v", s.fetches.Load(), err)
		}
		releases[1]()
		synctest.Wait()
		if held := p.slots.Held(); held != 0 {
			t.Errorf("want no slot to be taken, got %d", held)
		}
	})
}
