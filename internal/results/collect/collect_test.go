package collect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

const nonce = "n0nce"

func want() Want {
	return Want{Nonce: nonce, Results: []results.Declared{{Name: "a", Type: "string"}, {Name: "b", Type: "array"}}}
}

// stream writes a stream with the writer of the pod's side.
func stream(t *testing.T, say func(*frame.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	w := frame.NewWriter(&b, nonce)
	if err := errors.Join(say(w), w.End(false)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func whole(t *testing.T) []byte {
	t.Helper()
	return stream(t, func(w *frame.Writer) error {
		return errors.Join(
			w.Step(frame.Step{Name: "step-one", Reason: frame.ReasonCompleted}),
			w.Result(frame.Result{Name: "a", Type: "string", Value: []byte("hello")}),
			w.Problem(frame.Problem{Result: "b", Kind: frame.NotUTF8}))
	})
}

func TestRead(t *testing.T) {
	log := append([]byte("noise of somebody else\n"), whole(t)...)
	got, err := ReadFinished(bytes.NewReader(log), want())
	if err != nil {
		t.Fatal(err)
	}
	expect := &Set{
		Steps:    []frame.Step{{Name: "step-one", Reason: frame.ReasonCompleted}},
		Results:  []frame.Result{{Name: "a", Type: "string", Value: []byte("hello")}},
		Problems: []frame.Problem{{Result: "b", Kind: frame.NotUTF8}},
	}
	if diff := cmp.Diff(expect, got, cmpopts.IgnoreFields(frame.Result{}, "SHA256")); diff != "" {
		t.Errorf("foreign lines are passed over, the rest is taken: -want +got:\n%s", diff)
	}
}

func TestReadRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		log    []byte
		want   error
	}{
		"Empty":      {"a log that says nothing is not a set without results", nil, frame.ErrIncomplete},
		"CutOff":     {"the end record is what makes a stream whole", whole(t)[:len(whole(t))-1], frame.ErrIncomplete},
		"OtherNonce": {"a stream of another pod is noise", bytes.ReplaceAll(whole(t), []byte(nonce), []byte("x0nce")), frame.ErrIncomplete},
		"Undeclared": {"nobody can smuggle in a result that the task does not declare", stream(t, func(w *frame.Writer) error {
			return w.Result(frame.Result{Name: "c", Type: "string"})
		}), ErrUnexpected},
		"WrongType": {"the type is the declared one", stream(t, func(w *frame.Writer) error {
			return w.Result(frame.Result{Name: "a", Type: "array", Value: []byte("[]")})
		}), ErrUnexpected},
		"Trailing": {"a log that goes on after its end was written by somebody else, too", append(whole(t), whole(t)...), frame.ErrTrailing},
		"Twice": {"a second value must not replace the first", stream(t, func(w *frame.Writer) error {
			return errors.Join(w.Result(frame.Result{Name: "a", Type: "string"}), w.Result(frame.Result{Name: "a", Type: "string"}))
		}), ErrUnexpected},
		"ProblemAndResult": {"a result is carried or it is not", stream(t, func(w *frame.Writer) error {
			return errors.Join(w.Result(frame.Result{Name: "a", Type: "string"}), w.Problem(frame.Problem{Result: "a", Kind: frame.Changed}))
		}), ErrUnexpected},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set, err := ReadFinished(bytes.NewReader(tc.log), want())
			if !errors.Is(err, tc.want) || set != nil {
				t.Errorf("%s: want %v and no set, got %v, %+v", tc.reason, tc.want, err, set)
			}
		})
	}
}

// script is a LogSource whose attempts are written down beforehand: the last one repeats.
type script struct {
	mu       sync.Mutex
	attempts []func(Log) (io.ReadCloser, error)
	seen     []Log
}

func (s *script) Open(_ context.Context, log Log) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := min(len(s.seen), len(s.attempts)-1)
	s.seen = append(s.seen, log)
	return s.attempts[i](log)
}

func text(b []byte) func(Log) (io.ReadCloser, error) {
	return func(Log) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

func failing(err error) func(Log) (io.ReadCloser, error) {
	return func(Log) (io.ReadCloser, error) { return nil, err }
}

// await waits until the collection has come to its end, woken as a reconciler is.
func await(t *testing.T, c *Collector, woken <-chan types.NamespacedName, key types.UID) Progress {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case <-woken:
			if p := c.Progress(key); p.Set != nil || p.GaveUp {
				return p
			}
		case <-limit:
			t.Fatalf("the collection did not come to an end: %+v", c.Progress(key))
		}
	}
}

func collectorOn(source LogSource, options Options) (*Collector, chan types.NamespacedName) {
	woken := make(chan types.NamespacedName, 1000)
	return New(source, func(key types.NamespacedName) { woken <- key }, options), woken
}

func TestCollector(t *testing.T) {
	unreachable := errors.New("kubelet away")
	quick := Options{Deadline: 200 * time.Millisecond, Backoff: time.Millisecond}
	damaged := bytes.Replace(whole(t), []byte("step-one"), []byte("step-two"), 1)
	cases := map[string]struct {
		reason   string
		attempts []func(Log) (io.ReadCloser, error)
		ended    bool
		want     error // nil: a whole set
	}{
		"Follows":           {"the first attempt on a running container follows", []func(Log) (io.ReadCloser, error){text(whole(t))}, false, nil},
		"RetriesTransport":  {"403, 404, 500 and time-outs pass", []func(Log) (io.ReadCloser, error){failing(unreachable), failing(unreachable), text(whole(t))}, true, nil},
		"RetriesCut":        {"a stream that broke is read again, whole", []func(Log) (io.ReadCloser, error){text(whole(t)[:40]), text(whole(t))}, true, nil},
		"RotatedWhileRead":  {"a damage that is gone at the next read was none", []func(Log) (io.ReadCloser, error){text(damaged), text(whole(t))}, true, nil},
		"GivesUpAtDeadline": {"what does not pass ends with its last error", []func(Log) (io.ReadCloser, error){failing(unreachable)}, true, unreachable},
		"IncompleteForEver": {"log read before the sidecar had printed (#8028): never green and empty", []func(Log) (io.ReadCloser, error){text(nil)}, true, frame.ErrIncomplete},
		"DamagedGivesUp":    {"a damaged log that is finished does not mend", []func(Log) (io.ReadCloser, error){text(damaged)}, true, frame.ErrDigest},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			source := &script{attempts: tc.attempts}
			c, woken := collectorOn(source, quick)
			c.Watch(Target{Key: "uid", Want: want()}, tc.ended)
			got := await(t, c, woken, "uid")
			if tc.want == nil && (got.Set == nil || got.Err != nil) {
				t.Errorf("%s: want a set, got %+v", tc.reason, got)
			}
			if tc.want != nil && (got.Set != nil || !errors.Is(got.Err, tc.want)) {
				t.Errorf("%s: want %v, got %+v", tc.reason, tc.want, got)
			}
			for _, log := range source.seen {
				if log.LimitBytes <= 0 {
					t.Errorf("every read is bounded, got %+v", log)
				}
			}
			if first := source.seen[0]; first.Follow == tc.ended {
				t.Errorf("a running container's log is followed, a finished one's read whole: ended %v, got %+v", tc.ended, first)
			}
		})
	}
}

// TestFollowReturnsWithTheEndRecord: a followed log stays open; waiting for its end would cost what following gains.
func TestFollowReturnsWithTheEndRecord(t *testing.T) {
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	go func() { _, _ = w.Write(whole(t)) }() // and the pipe stays open
	c, woken := collectorOn(LogSourceFn(func(context.Context, Log) (io.ReadCloser, error) { return r, nil }), Options{})
	c.Watch(Target{Key: "uid", Want: want()}, false)
	if got := await(t, c, woken, "uid"); got.Set == nil {
		t.Errorf("want the set at the end record, got %+v", got)
	}
}

// TestFollowersAreBounded: above the bound a log is read once its container has ended.
func TestFollowersAreBounded(t *testing.T) {
	taken, open := make(chan struct{}), make(chan struct{})
	source := LogSourceFn(func(_ context.Context, log Log) (io.ReadCloser, error) {
		if log.Pod == "first" {
			close(taken)
			<-open
		}
		if log.Pod == "second" && log.Follow {
			t.Error("the second log is followed although one follower is all there is")
		}
		return io.NopCloser(bytes.NewReader(whole(t))), nil
	})
	c, woken := collectorOn(source, Options{MaxFollowers: 1})
	c.Watch(Target{Key: "1", Pod: "first", Want: want()}, false)
	<-taken // before the second asks for it
	c.Watch(Target{Key: "2", Pod: "second", Want: want()}, false)
	c.Watch(Target{Key: "2", Pod: "second", Want: want()}, true)
	if got := await(t, c, woken, "2"); got.Set == nil {
		t.Errorf("want the second set, got %+v", got)
	}
	close(open)
	if got := await(t, c, woken, "1"); got.Set == nil {
		t.Errorf("want the first set, got %+v", got)
	}
}

func TestForgetStops(t *testing.T) {
	started, stopped := make(chan struct{}), make(chan struct{})
	source := LogSourceFn(func(ctx context.Context, _ Log) (io.ReadCloser, error) {
		close(started)
		<-ctx.Done()
		close(stopped)
		return nil, ctx.Err()
	})
	c, _ := collectorOn(source, Options{})
	c.Watch(Target{Key: "uid", Want: want()}, false)
	<-started
	c.Forget("uid")
	select {
	case <-stopped:
	case <-time.After(30 * time.Second):
		t.Fatal("a forgotten collection goes on")
	}
	if diff := cmp.Diff(Progress{}, c.Progress("uid")); diff != "" {
		t.Errorf("nothing is left of it: -want +got:\n%s", diff)
	}
}

// TestHostileLogIsBounded: #8901-like peers read whole lines of 64 MiB; here a log costs what its limits allow.
func TestHostileLogIsBounded(t *testing.T) {
	endless := io.LimitReader(strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20)
	if _, err := ReadFinished(io.MultiReader(endless, endless), want()); !errors.Is(err, frame.ErrIncomplete) {
		t.Errorf("a megabyte without a newline is one foreign line, got %v", err)
	}
}
