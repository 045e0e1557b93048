package health

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestPasses(t *testing.T) {
	cases := map[string]struct {
		reason string
		play   func(p *Passes, clock *testingclock.FakePassiveClock)
		stuck  string
	}{
		"Idle": {reason: "who has nothing to do is not stuck", play: func(_ *Passes, clock *testingclock.FakePassiveClock) {
			later(clock, 24*time.Hour)
		}},
		"Resting": {reason: "nor is who has done it all", play: func(p *Passes, clock *testingclock.FakePassiveClock) {
			p.begin("taskrun")
			p.end("taskrun")
			later(clock, 24*time.Hour)
		}},
		"Fresh": {reason: "a pass after a long rest has its whole time", play: func(p *Passes, clock *testingclock.FakePassiveClock) {
			p.begin("taskrun")
			p.end("taskrun")
			later(clock, 24*time.Hour)
			p.begin("taskrun")
			later(clock, Patience-time.Second)
		}},
		"Stuck": {reason: "a pass that does not end", play: func(p *Passes, clock *testingclock.FakePassiveClock) {
			p.begin("taskrun")
			later(clock, Patience)
		}, stuck: "taskrun"},
		"OneOfMany": {reason: "one that does not end beside others that do", play: func(p *Passes, clock *testingclock.FakePassiveClock) {
			p.begin("taskrun")
			for range 10 {
				p.begin("taskrun")
				later(clock, Patience/2)
				p.end("taskrun")
			}
		}},
		"OtherKind": {reason: "passes over another kind do not help", play: func(p *Passes, clock *testingclock.FakePassiveClock) {
			p.begin("pipelinerun")
			for range 3 {
				p.begin("taskrun")
				later(clock, Patience/2)
				p.end("taskrun")
			}
		}, stuck: "pipelinerun"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			clock := testingclock.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
			p := New(clock)
			tc.play(p, clock)
			err := p.Check(nil)
			if (err != nil) != (tc.stuck != "") || err != nil && !strings.Contains(err.Error(), tc.stuck) {
				t.Errorf("%s: want stuck %q, got %v", tc.reason, tc.stuck, err)
			}
		})
	}
}

func later(clock *testingclock.FakePassiveClock, by time.Duration) {
	clock.SetTime(clock.Now().Add(by))
}

// TestWatch: a watched reconciler does what it did, and its passes end however it leaves them.
func TestWatch(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	p := New(clock)
	failure := errors.New("as it was")
	watched := p.Watch("taskrun", reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		later(clock, 2*Patience)
		if p.Check(nil) == nil {
			t.Error("while the pass is under way, it is stuck")
		}
		return reconcile.Result{RequeueAfter: time.Second}, failure
	}))
	if result, err := watched.Reconcile(t.Context(), reconcile.Request{}); !errors.Is(err, failure) || result.RequeueAfter != time.Second {
		t.Errorf("want what the reconciler returned, got %v, %v", result, err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = p.Watch("taskrun", reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
			panic("unheard of")
		})).Reconcile(t.Context(), reconcile.Request{})
	}()
	later(clock, 2*Patience)
	if err := p.Check(nil); err != nil {
		t.Errorf("all passes have ended, one by a panic: got %v", err)
	}
	if _, err := (*Passes)(nil).Watch("taskrun", watched).Reconcile(t.Context(), reconcile.Request{}); !errors.Is(err, failure) {
		t.Errorf("nobody watches, and all is as it was: got %v", err)
	}
}

func TestGate(t *testing.T) {
	stop := make(chan struct{})
	gate := NewGate(stop)
	if err := gate.Check(nil); !errors.Is(err, ErrNotSynced) {
		t.Errorf("before the caches are filled: want %v, got %v", ErrNotSynced, err)
	}
	if err := gate.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := gate.Check(nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if gate.NeedLeaderElection() {
		t.Error("a replica that stands by is ready, too: it serves webhooks")
	}
	close(stop)
	if err := gate.Check(nil); !errors.Is(err, ErrStopping) {
		t.Errorf("once it is told to stop: want %v, got %v", ErrStopping, err)
	}
}
