package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/resolve/image"
)

func TestWaitingLookupsAreBounded(t *testing.T) {
	cases := map[string]struct {
		reason  string
		tenants int
		each    int
		// want is how many may wait in all, and last whether a namespace that comes after all of these may add one.
		want int
	}{
		"OneNamespace": {reason: "A namespace has its limit.", tenants: 1, each: 1000, want: 256},
		"All":          {reason: "All have one together.", tenants: 32, each: 1000, want: 4096 + 16*16},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, Options{})
				b.tarpits = ".tarpit.example"
				full := 0
				for tenant := range tc.tenants {
					for i := range tc.each {
						_, err := b.ask(fmt.Sprintf("tenant-%d/run-%d", tenant, i), fmt.Sprintf("%d.tarpit.example/a:1", i))
						if waitOf(t, err).Full {
							full++
							wantWait(t, err, "too many image lookups wait: the limit is 256 for a namespace and 4096 in all")
						}
					}
				}
				b.Queue.mu.Lock()
				waiting, runs, lanes := b.waiting, len(b.runs), 0
				for _, one := range b.tenants {
					lanes += len(one.lanes)
				}
				b.Queue.mu.Unlock()
				if waiting > tc.want || full == 0 {
					t.Errorf("%s\n%d wait and %d were not accepted, want at most %d", tc.reason, waiting, full, tc.want)
				}
				if limit := tc.want + 64; runs > limit || lanes > limit {
					t.Errorf("%s\n%d runs and %d lanes are kept", tc.reason, runs, lanes)
				}
				_, err := b.ask("latecomer/build", "r.example/a:1")
				if waitOf(t, err).Full {
					t.Errorf("%s\na namespace that comes later has no place", tc.reason)
				}
			})
		})
	}
}

// TestHeldAnswersAreBounded: answers that no run fetches do not accumulate.
func TestHeldAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{Rate: 1e6, Burst: 1e6})
		b.finder = large{}
		for i := range 1000 {
			_, err := b.ask(fmt.Sprintf("ci/run-%d", i), fmt.Sprintf("r.example/a:%d", i))
			wantWait(t, err)
			synctest.Wait()
		}
		b.Queue.mu.Lock()
		held, counted := b.Queue.tenants["ci"].held, 0
		for e := b.Queue.tenants["ci"].answers.Front(); e != nil; e = e.Next() {
			counted += e.Value.(*job).size()
		}
		b.Queue.mu.Unlock()
		if held > maxHeld || held != counted {
			t.Errorf("answers hold %d bytes, counted as %d, more than %d", counted, held, maxHeld)
		}
		name := "r.example/a:0" // the answer that was dropped first
		_, err := b.ask("ci/run-0", name)
		wantWait(t, err)
		synctest.Wait()
		found, err := b.ask("ci/run-0", name)
		wantFound(t, found, err, name)
	})
}

// TestNothingIsLeft: with their runs, lookups, backoffs and namespaces are gone, in whatever order all of it happens.
func TestNothingIsLeft(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		actions := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) action {
			return action{
				kind:  rapid.SampledFrom([]string{"ask", "ask", "ask", "forget", "pass time", "change"}).Draw(r, "kind"),
				run:   fmt.Sprintf("tenant-%d/run-%d", rapid.IntRange(0, 2).Draw(r, "tenant"), rapid.IntRange(0, 3).Draw(r, "run")),
				image: rapid.SampledFrom([]string{"a.example/a:1", "b.example/b:1", "x.tarpit.example/c:1"}).Draw(r, "image"),
				fails: rapid.Bool().Draw(r, "fails"),
			}
		}), 1, 60).Draw(r, "actions")
		var left string
		synctest.Test(t, func(t *testing.T) { left = play(t, actions) })
		if left != "" {
			r.Fatal(left)
		}
	})
}

type action struct {
	kind, run, image string
	fails            bool
}

func play(t *testing.T, actions []action) string {
	t.Helper()
	b := newBench(t, Options{Workers: 3, PerNamespace: 2, PerHost: 1, Burst: 5})
	b.registries.mu.Lock()
	b.tarpits = ".tarpit.example"
	b.registries.mu.Unlock()
	for _, a := range actions {
		switch a.kind {
		case "ask":
			_, _ = b.ask(a.run, a.image)
		case "forget":
			b.forget(a.run)
		case "pass time":
			time.Sleep(3 * time.Second) //nolint:forbidigo // in a bubble
		case "change":
			if b.answer(a.image, nil); a.fails {
				b.answer(a.image, away())
			}
		}
	}
	if waits := everyLookupEnds(b); waits != "" {
		return waits
	}
	for tenant := range 3 {
		for run := range 4 {
			b.forget(fmt.Sprintf("tenant-%d/run-%d", tenant, run))
		}
	}
	synctest.Wait()
	b.Queue.mu.Lock()
	defer b.Queue.mu.Unlock()
	return b.Queue.left()
}

// everyLookupEnds lets more time pass than any lookup may take.
func everyLookupEnds(b *bench) string {
	time.Sleep(time.Hour) //nolint:forbidigo // in a bubble
	b.Queue.mu.Lock()
	defer b.Queue.mu.Unlock()
	for name, r := range b.runs {
		for _, j := range r.jobs {
			if j.state != answered {
				return fmt.Sprintf("%s still waits for %s: state %d after %d attempts", name, j.image, j.state, j.attempts)
			}
		}
	}
	return ""
}

// left names what is kept though no run wants it. The lock is held.
func (q *Queue) left() string {
	var left []string
	note := func(what string, n int) {
		if n != 0 {
			left = append(left, fmt.Sprintf("%d %s", n, what))
		}
	}
	note("runs", len(q.runs))
	note("open jobs", len(q.open))
	note("busy jobs", len(q.busy))
	note("namespaces in turn", len(q.ring))
	note("resting jobs", len(q.resting))
	note("waiting", q.waiting)
	for _, t := range q.tenants {
		note("lanes", len(t.lanes))
		note("lanes in turn", len(t.ring))
		note("running of a namespace", t.running)
		note("waiting of a namespace", t.waiting)
		note("answers", t.answers.Len())
		note("bytes", t.held)
	}
	return strings.Join(left, ", ")
}

// TestIdleNamespacesAreDropped: namespaces come and go, and their budgets with them, once these have recovered.
func TestIdleNamespacesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		for i := range 5 * sweepFrom {
			run := fmt.Sprintf("tenant-%d/build", i)
			_, err := b.ask(run, "r.example/a:1")
			wantWait(t, err)
			synctest.Wait()
			b.forget(run)
			time.Sleep(time.Second) //nolint:forbidigo // in a bubble
		}
		b.Queue.mu.Lock()
		defer b.Queue.mu.Unlock()
		if n := len(b.tenants); n > sweepFrom+1 {
			t.Errorf("%d namespaces are kept", n)
		}
	})
}

// large is a finder of images with much to say.
type large struct{ Finder }

// Entrypoint implements Finder.
func (large) Entrypoint(_ context.Context, name string, _ image.Pull) (image.Entrypoint, error) {
	return image.Entrypoint{Image: name + "@sha256:00", Entrypoint: []string{strings.Repeat("x", 32<<10)}}, nil
}

// TestRunOfTheSameName: what a run asked for that is gone does not answer another one of its name.
func TestRunOfTheSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		for i, uid := range []types.UID{"1", "2"} {
			owner := image.Owner{NamespacedName: types.NamespacedName{Namespace: "ci", Name: "build"}, UID: uid}
			_, err := b.Queue.Entrypoint(owner, "r.example/a:1", image.Pull{Namespace: "ci"})
			wantWait(t, err)
			synctest.Wait()
			if n := b.attempts("ci", "r.example/a:1"); n != i+1 {
				t.Errorf("run %s: %d lookups", uid, n)
			}
		}
	})
}
