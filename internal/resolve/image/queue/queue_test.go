package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// registries is a finder on which each image answers as its host says.
type registries struct {
	mu sync.Mutex
	// tarpits are hosts that never answer; lookups there end after 15 seconds.
	tarpits string
	// answers by image; nil is a failure that may pass, and an image without one is found.
	answers map[string]error
	// started counts attempts by namespace and image, and most is the largest number under way at once by namespace.
	started map[string]int
	running map[string]int
	most    map[string]int
}

func newRegistries() *registries {
	return &registries{answers: map[string]error{}, started: map[string]int{}, running: map[string]int{}, most: map[string]int{}}
}

// Entrypoint implements Finder.
func (r *registries) Entrypoint(ctx context.Context, name string, pull image.Pull) (image.Entrypoint, error) {
	host, _, _ := strings.Cut(name, "/")
	r.mu.Lock()
	r.started[pull.Namespace+" "+name]++
	for _, of := range []string{"", pull.Namespace, pull.Namespace + " " + host} {
		r.running[of]++
		r.most[of] = max(r.most[of], r.running[of])
	}
	err := r.answers[name]
	tarpit := r.tarpits != "" && strings.HasSuffix(host, r.tarpits)
	r.mu.Unlock()
	if tarpit {
		select {
		case <-time.After(15 * time.Second):
			err = away()
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range []string{"", pull.Namespace, pull.Namespace + " " + host} {
		r.running[of]--
	}
	return image.Entrypoint{Image: name + "@sha256:00", Entrypoint: []string{"run"}}, err
}

func (r *registries) attempts(namespace, name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started[namespace+" "+name]
}

func (r *registries) count(of map[string]int, what string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return of[what]
}

func (r *registries) answer(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[name] = err
}

func away() error {
	return &image.PassingError{Words: "registry r.example did not answer", Registry: true, Cause: errors.New("secret")}
}

// bench is a Queue in a bubble with its own time.
type bench struct {
	*Queue
	*registries

	mu    sync.Mutex
	woken map[string]int
}

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{registries: newRegistries(), woken: map[string]int{}}
	b.Queue = New(b.registries, func(run types.NamespacedName) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.woken[run.String()]++
	}, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) wakeups(run string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.woken[run]
}

// ask asks for an image for a run such as "ci/build".
func (b *bench) ask(run, name string) (image.Entrypoint, error) {
	namespace, called, _ := strings.Cut(run, "/")
	return b.Queue.Entrypoint(image.Owner{NamespacedName: types.NamespacedName{Namespace: namespace, Name: called}, UID: types.UID(called)},
		name, image.Pull{Namespace: namespace, Step: "spec.steps[0]"})
}

func (b *bench) forget(run string) {
	namespace, called, _ := strings.Cut(run, "/")
	b.Forget(types.NamespacedName{Namespace: namespace, Name: called})
}

// wantWait fails the test unless err says that the lookup waits, and all of words.
func wantWait(t *testing.T, err error, words ...string) {
	t.Helper()
	_ = waitOf(t, err)
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q lacks %q", err, word)
		}
	}
}

// waitOf returns the error by which a lookup says that it waits.
func waitOf(t *testing.T, err error) *image.WaitError {
	t.Helper()
	wait, ok := errors.AsType[*image.WaitError](err)
	if !ok {
		t.Fatalf("%v does not say that it waits", err)
	}
	return wait
}

func wantFound(t *testing.T, found image.Entrypoint, err error, name string) {
	t.Helper()
	if err != nil || found.Image != name+"@sha256:00" {
		t.Errorf("want %s, got %+v, %v", name, found, err)
	}
}

func TestAnswerWakesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		_, err := b.ask("ci/build", "r.example/a:1")
		wantWait(t, err, `cannot look up image "r.example/a:1" of spec.steps[0] yet: the controller waits for registry r.example`)
		if wait := waitOf(t, err); !wait.New || wait.Tried {
			t.Errorf("got %+v", wait)
		}
		synctest.Wait()
		if n := b.wakeups("ci/build"); n != 1 {
			t.Errorf("the run was woken %d times", n)
		}
		found, err := b.ask("ci/build", "r.example/a:1")
		wantFound(t, found, err, "r.example/a:1")
		if n := b.attempts("ci", "r.example/a:1"); n != 1 {
			t.Errorf("there were %d attempts", n)
		}
	})
}

// TestTarpitsDelayNoOtherTenant: a tenant with 1,000 registries that never respond does not delay the lookups of other
// tenants. It used to occupy the workers of all runs.
func TestTarpitsDelayNoOtherTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		b.tarpits = ".tarpit.example"
		for i := range 1000 {
			_, err := b.ask(fmt.Sprintf("attacker/run-%d", i), fmt.Sprintf("%d.tarpit.example/a:1", i))
			wantWait(t, err)
		}
		synctest.Wait()
		begun := time.Now()
		for i := range 20 { // while attempts of the attacker start and end
			run, name := fmt.Sprintf("victim/build-%d", i), fmt.Sprintf("r.example/a:%d", i)
			_, err := b.ask(run, name)
			wantWait(t, err)
			synctest.Wait()
			found, err := b.ask(run, name)
			wantFound(t, found, err, name)
			time.Sleep(7 * time.Second) //nolint:forbidigo // in a bubble, which has its own time
		}
		if waited := time.Since(begun) - 20*7*time.Second; waited != 0 {
			t.Errorf("the victim waited for %s", waited)
		}
		if n := b.count(b.most, "attacker"); n > 4 {
			t.Errorf("the attacker had %d lookups under way at once", n)
		}
	})
}

// TestOneTenantDoesNotSilenceARegistry: what one namespace's image does, be it at a registry that all use, neither delays nor
// fails another namespace's lookup there. It used to keep the registry from all for 10 seconds, again and again.
func TestOneTenantDoesNotSilenceARegistry(t *testing.T) {
	cases := map[string]error{
		"Away":          away(),
		"BrokenContent": &image.Error{Why: "its configuration is not understood", Do: "give the step a command"},
	}
	for name, failure := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Options{})
				b.answer("shared.example/evil:1", failure)
				for i := range 50 {
					_, err := b.ask(fmt.Sprintf("attacker/run-%d", i), "shared.example/evil:1")
					wantWait(t, err)
					synctest.Wait()
				}
				begun := time.Now()
				_, err := b.ask("victim/build", "shared.example/good:1")
				wantWait(t, err)
				synctest.Wait()
				found, err := b.ask("victim/build", "shared.example/good:1")
				wantFound(t, found, err, "shared.example/good:1")
				_, err = b.ask("victim/same", "shared.example/evil:1")
				wantWait(t, err)
				synctest.Wait()
				if n := b.attempts("victim", "shared.example/evil:1"); n != 1 {
					t.Errorf("the same image in another namespace had %d attempts at once, want 1", n)
				}
				if waited := time.Since(begun); waited != 0 {
					t.Errorf("the victim waited for %s", waited)
				}
			})
		})
	}
}

func TestBudgets(t *testing.T) {
	cases := map[string]struct {
		reason  string
		hosts   int
		tenants int
		of      string
		want    int
	}{
		"PerHost": {
			reason:  "One slow registry leaves the namespace's others a slot.",
			hosts:   1,
			tenants: 1,
			of:      "tenant-0 0.tarpit.example",
			want:    2,
		},
		"PerNamespace": {
			reason:  "A namespace has a part of the pool.",
			hosts:   100,
			tenants: 1,
			of:      "tenant-0",
			want:    4,
		},
		"Workers": {
			reason:  "The pool is bounded.",
			hosts:   100,
			tenants: 50,
			of:      "",
			want:    64,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Options{})
				b.tarpits = ".tarpit.example"
				for tenant := range tc.tenants {
					for i := range 100 {
						_, err := b.ask(fmt.Sprintf("tenant-%d/run-%d", tenant, i), fmt.Sprintf("%d.tarpit.example/%d:1", i%tc.hosts, i))
						wantWait(t, err)
					}
				}
				time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
				if got := b.count(b.most, tc.of); got != tc.want {
					t.Errorf("%s\nthere were %d at once, want %d", tc.reason, got, tc.want)
				}
			})
		})
	}
}

// TestRate: a namespace starts 40 lookups at once and then 10 in a second.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		total := func() (n int) {
			b.registries.mu.Lock()
			defer b.registries.mu.Unlock()
			for _, one := range b.started {
				n += one
			}
			return n
		}
		for i := range 200 {
			_, err := b.ask(fmt.Sprintf("ci/run-%d", i), fmt.Sprintf("r.example/%d:1", i))
			wantWait(t, err)
		}
		synctest.Wait()
		if n := total(); n != 40 {
			t.Errorf("%d started at once", n)
		}
		time.Sleep(5*time.Second + 100*time.Millisecond) //nolint:forbidigo // in a bubble
		if n := total(); n < 85 || n > 91 {
			t.Errorf("%d have started after 5 s", n)
		}
		time.Sleep(time.Minute) //nolint:forbidigo // in a bubble
		if n := total(); n != 200 {
			t.Errorf("%d have started in the end", n)
		}
	})
}

// TestBackoff: waits double, up to a bound, belong to one image of one namespace, and end in a failure that says for how long
// it lasted.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		b.answer("r.example/a:1", away())
		begun := time.Now()
		var waits []time.Duration
		for seen := 0; time.Since(begun) < 15*time.Minute; {
			_, err := b.ask("ci/build", "r.example/a:1")
			if err == nil {
				t.Fatal("it was found")
			}
			if image.Final(err) {
				break
			}
			synctest.Wait()
			if n := b.attempts("ci", "r.example/a:1"); n > seen {
				seen = n
				waits = append(waits, time.Since(begun).Truncate(time.Second))
			}
			pause := time.Second
			if seen == 1 && time.Since(begun) == 0 {
				pause /= 2 // from here on, no question comes in the moment of an attempt
			}
			time.Sleep(pause) //nolint:forbidigo // in a bubble
		}
		var want []time.Duration
		for _, seconds := range []int{0, 1, 3, 7, 15, 31, 63, 127, 247, 367, 487} {
			want = append(want, time.Duration(seconds)*time.Second)
		}
		if fmt.Sprint(waits) != fmt.Sprint(want) {
			t.Errorf("attempts after %v, want %v", waits, want)
		}
		_, err := b.ask("ci/build", "r.example/a:1")
		if !image.Final(err) ||
			!strings.Contains(err.Error(), "registry r.example did not answer for 10m0s; correct the name, or give the step a command") {
			t.Errorf("in the end it says %v", err)
		}
	})
}

// TestFailureOfTheAPIServerIsNotGivenUp: what the cluster itself cannot do is no failure of the run.
func TestFailureOfTheAPIServerIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		b.answer("r.example/a:1", &image.PassingError{Words: "cannot read service account"})
		_, err := b.ask("ci/build", "r.example/a:1")
		wantWait(t, err)
		time.Sleep(time.Hour) //nolint:forbidigo // in a bubble
		_, err = b.ask("ci/build", "r.example/a:1")
		wantWait(t, err, "cannot read service account; the controller tries again")
		if wait := waitOf(t, err); !wait.Tried {
			t.Errorf("got %+v", wait)
		}
		b.answer("r.example/a:1", nil)
		time.Sleep(3 * time.Minute) //nolint:forbidigo // in a bubble
		found, err := b.ask("ci/build", "r.example/a:1")
		wantFound(t, found, err, "r.example/a:1")
	})
}

// TestRunsShareOnlyLookupsToCome: a tag may have moved since a lookup began, so a run that asks later gets a later answer.
func TestRunsShareOnlyLookupsToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		b.tarpits = ".slow.example"
		const name = "a.slow.example/a:1"
		ask := func(run string) {
			_, err := b.ask(run, name)
			wantWait(t, err)
		}
		ask("ci/first")
		synctest.Wait()
		for i := range 500 {
			ask(fmt.Sprintf("ci/late-%d", i))
		}
		synctest.Wait()
		if n := b.attempts("ci", name); n != 1 {
			t.Errorf("%d lookups of one image are under way at once", n)
		}
		b.registries.mu.Lock()
		b.tarpits = ""
		b.registries.mu.Unlock()
		time.Sleep(20 * time.Second) //nolint:forbidigo // in a bubble
		if n := b.attempts("ci", name); n != 2 {
			t.Errorf("501 runs took %d lookups, want the one that failed and one for all", n)
		}
		for _, run := range []string{"ci/first", "ci/late-0", "ci/late-499"} {
			found, err := b.ask(run, name)
			wantFound(t, found, err, name)
		}
		ask("ci/last")
		synctest.Wait()
		if n := b.attempts("ci", name); n != 3 {
			t.Errorf("a run that asked later got an earlier answer")
		}
	})
}

// TestAnswersAreForOneNamespaceAndItsCredentials: what one service account's pull secrets open is not handed to another.
func TestAnswersAreForOneNamespaceAndItsCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		pulls := map[string]image.Pull{
			"first":        {Namespace: "ci", ServiceAccount: "a"},
			"namespace":    {Namespace: "cd", ServiceAccount: "a"},
			"account":      {Namespace: "ci", ServiceAccount: "b"},
			"architecture": {Namespace: "ci", ServiceAccount: "a", Architectures: []string{"arm64"}},
		}
		keys := map[key]string{}
		for name, pull := range pulls {
			k := keyOf("r.example/a:1", pull)
			if other, ok := keys[k]; ok {
				t.Errorf("%s and %s have one answer", name, other)
			}
			keys[k] = name
			owner := image.Owner{NamespacedName: types.NamespacedName{Namespace: pull.Namespace, Name: name}}
			_, err := b.Queue.Entrypoint(owner, "r.example/a:1", pull)
			wantWait(t, err)
		}
		synctest.Wait()
		if n := b.attempts("ci", "r.example/a:1") + b.attempts("cd", "r.example/a:1"); n != len(pulls) {
			t.Errorf("there were %d lookups for %d kinds of pull", n, len(pulls))
		}
	})
}

func TestFinderThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := make(chan types.NamespacedName, 1)
		q := New(panics{}, func(run types.NamespacedName) { woken <- run }, Options{})
		owner := image.Owner{NamespacedName: types.NamespacedName{Namespace: "ci", Name: "build"}}
		_, err := q.Entrypoint(owner, "r.example/a:1", image.Pull{Namespace: "ci"})
		wantWait(t, err)
		<-woken
		_, err = q.Entrypoint(owner, "r.example/a:1", image.Pull{Namespace: "ci"})
		wantWait(t, err, "the controller could not read the response of registry r.example")
		q.Forget(owner.NamespacedName)
	})
}

type panics struct{}

// Entrypoint implements Finder.
func (panics) Entrypoint(context.Context, string, image.Pull) (image.Entrypoint, error) {
	panic("what a registry has sent")
}
