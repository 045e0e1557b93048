package traces_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/otlpreceiver"
)

// started is a worker that runs. The test decides when its waits end.
type started struct {
	// asked has the duration of each wait that begins, and a value in fire ends one.
	asked chan time.Duration
	fire  chan time.Time
	// stop ends the worker, and returns when it has ended.
	stop func()
}

// work queues a run, and starts the worker for it.
func (b *bench) work(t *testing.T, first *v1.TaskRun) started {
	t.Helper()
	s := started{asked: make(chan time.Duration), fire: make(chan time.Time)}
	b.After = func(d time.Duration) <-chan time.Time {
		s.asked <- d
		return s.fire
	}
	b.TaskRun(first)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.workers[0].Start(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return s
}

// await waits until a count has a value.
func (m *meter) await(t *testing.T, key string, want int) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		m.mu.Lock()
		got := m.counts[key]
		m.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("want %d %s, got %d", want, key, got)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestGather: runs that end within a second share a request. Each on its own would cost the controller and the collector a request.
func TestGather(t *testing.T) {
	const spans = 6 // of one run
	cases := map[string]struct {
		reason string
		// runs end during the first wait, with the one that starts it, and elapses reports whether this wait elapses.
		runs     int
		elapses  bool
		requests int
	}{
		"One": {
			reason:   "a run without others is sent after the wait",
			runs:     1,
			elapses:  true,
			requests: 1,
		},
		"Some": {
			reason:   "a hundred runs are one request",
			runs:     100,
			elapses:  true,
			requests: 1,
		},
		"Many": {
			reason:   "a request has at most a thousand spans, and those of its last run",
			runs:     400,
			elapses:  true,
			requests: 3,
		},
		"HalfFull": {
			reason:   "half a queue does not wait, so that runs that end meanwhile have room",
			runs:     500,
			requests: 3,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			receiver := otlpreceiver.New()
			defer receiver.Close()
			_, tr, _ := makeRuns(t)
			b := newBench(t, on(receiver))
			s := b.work(t, tr)
			if d := <-s.asked; d != time.Second {
				t.Errorf("%s: want a wait of a second, got %s", tc.reason, d)
			}
			for range tc.runs - 1 {
				b.TaskRun(tr)
			}
			if tc.elapses {
				if n := receiver.Requests(); n != 0 {
					t.Errorf("%s: want no request before the end of the wait, got %d", tc.reason, n)
				}
				s.fire <- begin
			}
			b.meter.await(t, "runs sent", tc.runs)
			s.stop()
			if n := receiver.Requests(); n != tc.requests {
				t.Errorf("%s: want %d requests, got %d", tc.reason, tc.requests, n)
			}
			if diff := cmp.Diff(map[string]int{"runs sent": tc.runs, "spans sent": spans * tc.runs}, b.meter.counts); diff != "" {
				t.Errorf("%s: counts: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestEndSendsWhatIsGathered: an orderly end does not wait for more runs, and loses none.
func TestEndSendsWhatIsGathered(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	_, tr, _ := makeRuns(t)
	b := newBench(t, on(receiver))
	s := b.work(t, tr)
	<-s.asked
	b.TaskRun(tr)
	s.stop()
	if diff := cmp.Diff(map[string]int{"runs sent": 2, "spans sent": 12}, b.meter.counts); diff != "" || receiver.Requests() != 1 {
		t.Errorf("%d requests, counts: -want, +got:\n%s", receiver.Requests(), diff)
	}
}
