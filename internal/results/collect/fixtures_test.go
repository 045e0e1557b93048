package collect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

const nonce = "n0nce"

func want() Want {
	return Want{
		Nonce:   nonce,
		Steps:   []string{"step-one", "step-two"},
		Results: []results.Declared{{Name: "a", Type: "string"}, {Name: "b", Type: "array"}},
	}
}

func target() Target {
	return Target{
		Key: "uid", Namespace: "ns", Pod: "run-pod", Container: "sidecar-results", Want: want(),
		Owner: types.NamespacedName{Namespace: "ns", Name: "run"},
	}
}

// stream writes a stream with the writer of the pod's side.
func stream(t *testing.T, interrupted bool, say ...func(*frame.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	w := frame.NewWriter(&b, nonce)
	for _, say := range say {
		if err := say(w); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(interrupted); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func step(name string) func(*frame.Writer) error {
	return func(w *frame.Writer) error { return w.Step(frame.Step{Name: name, Reason: frame.ReasonCompleted}) }
}

func unfinished(name string) func(*frame.Writer) error {
	return func(w *frame.Writer) error {
		return w.Step(frame.Step{Name: name, ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonUnfinished})
	}
}

func result(name, typ, value string) func(*frame.Writer) error {
	return func(w *frame.Writer) error {
		return w.Result(frame.Result{Name: name, Type: typ, Value: []byte(value)})
	}
}

func problem(name string) func(*frame.Writer) error {
	return func(w *frame.Writer) error { return w.Problem(frame.Problem{Result: name, Kind: frame.NotUTF8}) }
}

// whole is the stream of a task that did what want says.
func whole(t *testing.T) []byte {
	t.Helper()
	return stream(t, false, step("step-one"), step("step-two"), result("a", "string", "hello"), problem("b"))
}

// reply is what a LogSource does when it is asked.
type reply func(ctx context.Context, log Log) (io.ReadCloser, error)

// gives is a log that holds b.
func gives(b []byte) reply {
	return func(context.Context, Log) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// fails is a log that is not given out.
func fails(err error) reply {
	return func(context.Context, Log) (io.ReadCloser, error) { return nil, err }
}

// breaks is a log that holds b and then fails.
func breaks(b []byte, err error) reply {
	return func(context.Context, Log) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(b), errReader{err})), nil
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// hangs is a log that holds b and then says nothing more, until it is closed.
func hangs(b []byte) reply {
	return func(context.Context, Log) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { _, _ = w.Write(b) }()
		return r, nil
	}
}

// drips is a log of one foreign line that never ends, a byte each tick, until it is closed.
func drips(tick time.Duration) reply {
	return func(context.Context, Log) (io.ReadCloser, error) {
		return &drip{tick: tick, done: make(chan struct{})}, nil
	}
}

type drip struct {
	tick time.Duration
	done chan struct{}
}

func (d *drip) Read(p []byte) (int, error) {
	select {
	case <-d.done:
		return 0, io.ErrClosedPipe
	case <-time.After(d.tick):
		p[0] = 'x'
		return 1, nil
	}
}

func (d *drip) Close() error {
	close(d.done)
	return nil
}

// slow is a log that holds b, and gives one line of it each tick.
func slow(b []byte, tick time.Duration) reply {
	return func(context.Context, Log) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			for line := range bytes.Lines(b) {
				<-time.After(tick)
				if _, err := w.Write(line); err != nil {
					return
				}
			}
			_ = w.Close()
		}()
		return r, nil
	}
}

// refuses is a source that does not answer.
func refuses() reply {
	return func(ctx context.Context, _ Log) (io.ReadCloser, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

// script is a LogSource whose replies are written down beforehand; the last one repeats.
type script struct {
	replies []reply

	mu   sync.Mutex
	seen []Log
	at   []time.Time
}

func (s *script) Open(ctx context.Context, log Log) (io.ReadCloser, error) {
	s.mu.Lock()
	i := min(len(s.seen), len(s.replies)-1)
	s.seen, s.at = append(s.seen, log), append(s.at, time.Now())
	s.mu.Unlock()
	return s.replies[i](ctx, log)
}

// outcome is the outcome of a collection.
type outcome struct {
	Progress
	took time.Duration
	// reads are the logs that were opened.
	reads []Log
	// The different messages that Progress had, in their order.
	told []string
	// wakes is how often the owner was woken.
	wakes int
}

// collected runs the collection of one target in a bubble, in which time advances when all goroutines wait, until it has
// ended. The container ends after runs, or has already ended if that is 0.
func collected(t *testing.T, runs time.Duration, o Options, replies ...reply) (out outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		source := &script{replies: replies}
		woken := make(chan struct{}, 1000)
		c := New(source, func(types.NamespacedName) { woken <- struct{}{} }, o)
		begun := time.Now()
		c.Watch(target(), runs == 0)
		var ended <-chan time.Time
		if runs > 0 {
			ended = time.After(runs)
		}
		for out.Set == nil && !out.GaveUp {
			select {
			case <-ended:
				c.Watch(target(), true)
			case <-woken:
				out.Progress = c.Progress("uid")
				out.wakes++
				if m := message(out.Err); m != "" && (len(out.told) == 0 || out.told[len(out.told)-1] != m) {
					out.told = append(out.told, m)
				}
			case <-time.After(1000 * time.Hour):
				t.Fatalf("the collection does not come to an end: %+v", out.Progress)
			}
		}
		out.took, out.reads = time.Since(begun), source.seen
		for len(woken) > 0 {
			<-woken
			out.wakes++
		}
		<-time.After(time.Hour)
		if len(woken) > 0 || c.Progress("uid") != out.Progress {
			t.Errorf("something happened after the end: %+v", c.Progress("uid"))
		}
	})
	return out
}

var errAway = errors.New("kubelet away")

// breaksBy is a log whose reading does something unheard of.
func breaksBy(do func()) reply {
	return func(context.Context, Log) (io.ReadCloser, error) { return io.NopCloser(readerFn(do)), nil }
}

type readerFn func()

func (f readerFn) Read([]byte) (int, error) { f(); return 0, io.EOF }

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
