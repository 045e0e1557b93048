package sidecar_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/sidecar"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// must stops the test if it cannot be set up.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal("cannot set up:", err)
	}
}

// pod is the directories of a pod.
type pod struct {
	t       *testing.T
	options sidecar.Options
}

// newPod returns a pod with so many steps, which have not begun, and string results of the given names.
func newPod(t *testing.T, steps int, names ...string) *pod {
	t.Helper()
	dir := t.TempDir()
	p := &pod{t: t, options: sidecar.Options{
		Nonce: "n0nce", RunDir: filepath.Join(dir, "run"), ResultsDirs: []string{filepath.Join(dir, "results")},
		MaxSize: 100, MaxTotal: results.ObjectLimit, Grace: time.Minute,
	}}
	must(t, os.Mkdir(p.options.ResultsDirs[0], 0o700))
	for i := range steps {
		p.options.Steps = append(p.options.Steps, fmt.Sprint("step-", i))
		must(t, os.MkdirAll(p.runDir(i), 0o700))
	}
	for _, name := range names {
		p.options.Results = append(p.options.Results, results.File{
			Declared: results.Declared{Name: name, Type: results.TypeString}, Path: p.path(name),
		})
	}
	return p
}

func (p *pod) runDir(i int) string { return filepath.Join(p.options.RunDir, strconv.Itoa(i)) }

func (p *pod) path(name string) string { return filepath.Join(p.options.ResultsDirs[0], name) }

// write writes a result.
func (p *pod) write(name, value string) {
	p.t.Helper()
	must(p.t, os.WriteFile(p.path(name), []byte(value), 0o600))
}

// end ends a step.
func (p *pod) end(i int, reason frame.Reason) {
	p.t.Helper()
	must(p.t, rundir.Post(p.runDir(i), frame.Step{Name: "whatever", Reason: reason}))
}

// emitted runs the sidecar until it ends, and returns what it emitted.
func (p *pod) emitted(ctx context.Context) []frame.Record {
	p.t.Helper()
	var b bytes.Buffer
	if err := sidecar.Run(ctx, &b, p.options); err != nil {
		p.t.Fatalf("cannot emit: %v", err)
	}
	return read(p.t, &b)
}

func read(t *testing.T, stream io.Reader) []frame.Record {
	t.Helper()
	r := frame.NewReader(stream, "n0nce", frame.Limits{})
	var records []frame.Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatalf("cannot read stream after %v: %v", records, err)
		}
		records = append(records, rec)
	}
}

// forget leaves out what differs from run to run.
var forget = cmp.Options{
	cmpopts.IgnoreFields(frame.Result{}, "SHA256"), cmpopts.IgnoreFields(frame.End{}, "SHA256"),
	cmpopts.IgnoreFields(frame.Problem{}, "Detail"), cmpopts.IgnoreFields(frame.Step{}, "FinishedAt", "Message"),
}

func result(name, value string) frame.Result {
	return frame.Result{Name: name, Type: results.TypeString, Value: []byte(value)}
}

// A follower gets the record of each step when it ends, before the next one does, and the results after all have ended.
func TestFollow(t *testing.T) {
	p := newPod(t, 3, "b", "a", "absent")
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := sidecar.Run(context.Background(), in, p.options)
		done <- errors.Join(err, in.Close())
	}()
	r := frame.NewReader(out, "n0nce", frame.Limits{})
	next := func(want frame.Record) {
		t.Helper()
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, forget); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	next(frame.Intro{Version: 1})
	for i := range 3 {
		p.write("a", fmt.Sprint("written by step ", i))
		p.write("b", "written by all")
		p.end(i, frame.ReasonCompleted)
		next(frame.Step{Name: p.options.Steps[i], Reason: frame.ReasonCompleted})
	}
	next(result("b", "written by all"))
	next(result("a", "written by step 2"))
	next(frame.End{Steps: 3, Results: 2, Bytes: 31})
	if err := errors.Join(r.Rest(), <-done); err != nil {
		t.Error(err)
	}
}

// Whatever lies at one result's path, a record says what it is, and the other results are emitted.
func TestHostileResults(t *testing.T) {
	const limit = 100
	cases := map[string]struct {
		reason string
		make   func(path string) error
		want   frame.Record // nil for none
	}{
		"absent": {
			reason: "A result need not be written.",
			make:   func(string) error { return nil },
		},
		"empty": {
			reason: "A file may be empty.",
			make:   write(""),
			want:   result("empty", ""),
		},
		"limit": {
			reason: "The limit counts the bytes of the value.",
			make:   write(strings.Repeat("<", limit)),
			want:   result("limit", strings.Repeat("<", limit)),
		},
		"over": {
			reason: "One byte more is too much.",
			make:   write(strings.Repeat("x", limit+1)),
			want:   frame.Problem{Result: "over", Kind: frame.TooLarge, Size: limit + 1, Limit: limit},
		},
		"sparse": {
			reason: "10 GiB are too much.",
			make:   func(p string) error { return errors.Join(write("")(p), os.Truncate(p, 10<<30)) },
			want:   frame.Problem{Result: "sparse", Kind: frame.TooLarge, Size: 10 << 30, Limit: limit},
		},
		"latin1": {
			reason: "What is not UTF-8 is not altered, but refused.",
			make:   write("gr\xfc\xdfe"),
			want:   frame.Problem{Result: "latin1", Kind: frame.NotUTF8, Size: 5},
		},
		"utf8": {
			reason: "All of UTF-8 is carried.",
			make:   write("\x00\u00fc\u2028\U0001f600\ufffd"),
			want:   result("utf8", "\x00\u00fc\u2028\U0001f600\ufffd"),
		},
		"dir": {
			reason: "A directory is no value.",
			make:   func(p string) error { return os.Mkdir(p, 0o700) },
			want:   frame.Problem{Result: "dir", Kind: frame.NotRegular},
		},
		"fifo": {
			reason: "A FIFO is no value.",
			make:   func(p string) error { return syscall.Mkfifo(p, 0o666) },
			want:   frame.Problem{Result: "fifo", Kind: frame.NotRegular},
		},
		"socket": {
			reason: "A socket is no value.",
			make:   socket,
			want:   frame.Problem{Result: "socket", Kind: frame.NotRegular},
		},
		"out": {
			reason: "No link is followed.",
			make:   func(p string) error { return os.Symlink("/etc/passwd", p) },
			want:   frame.Problem{Result: "out", Kind: frame.NotRegular},
		},
		"loop": {
			reason: "No link is followed.",
			make:   func(p string) error { return os.Symlink(p, p) },
			want:   frame.Problem{Result: "loop", Kind: frame.NotRegular},
		},
		"device": {
			reason: "No device is opened.",
			make:   func(p string) error { return os.Symlink("/dev/zero", p) },
			want:   frame.Problem{Result: "device", Kind: frame.NotRegular},
		},
	}
	p := newPod(t, 1, "first")
	p.write("first", "before")
	want := []frame.Record{frame.Intro{Version: 1}, frame.Step{Name: "step-0", Reason: frame.ReasonCompleted}, result("first", "before")}
	end := frame.End{Steps: 1, Results: 2, Bytes: int64(len("before" + "after"))}
	for name, tc := range cases {
		must(t, tc.make(p.path(name)))
		p.options.Results = append(p.options.Results, results.File{
			Declared: results.Declared{Name: name, Type: results.TypeString}, Path: p.path(name),
		})
		switch rec := tc.want.(type) {
		case frame.Result:
			end.Results++
			end.Bytes += int64(len(rec.Value))
		case frame.Problem:
			end.Problems++
		default:
			continue
		}
		want = append(want, tc.want)
	}
	p.options.Results = append(p.options.Results, results.File{
		Declared: results.Declared{Name: "last", Type: results.TypeString}, Path: p.path("last"),
	})
	p.write("last", "after")
	want = append(want, result("last", "after"), end)
	p.end(0, frame.ReasonCompleted)
	got := p.emitted(t.Context())
	if diff := cmp.Diff(want, got, forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, rec := range got {
		if p, ok := rec.(frame.Problem); ok && p.Detail == "" {
			t.Errorf("problem of result %q does not say what was found", p.Result)
		}
	}
}

func write(value string) func(string) error {
	return func(path string) error { return os.WriteFile(path, []byte(value), 0o600) }
}

func socket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

// All values together have a limit. A result above it is reported; one that fits after it is sent.
func TestTotal(t *testing.T) {
	p := newPod(t, 0, "a", "b", "c", "d")
	p.options.MaxTotal = 10
	p.write("a", "123456")
	p.write("b", "12345")
	p.write("c", "1234")
	p.write("d", "1")
	want := []frame.Record{
		frame.Intro{Version: 1}, result("a", "123456"), frame.Problem{Result: "b", Kind: frame.TotalTooLarge, Size: 11, Limit: 10},
		result("c", "1234"), frame.Problem{Result: "d", Kind: frame.TotalTooLarge, Size: 11, Limit: 10},
		frame.End{Results: 2, Problems: 2, Bytes: 10},
	}
	if diff := cmp.Diff(want, p.emitted(t.Context()), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Without the directory it is unknown whether results were written: that is not the same as no results.
func TestResultsDirectoryIsMissing(t *testing.T) {
	p := newPod(t, 0, "a")
	must(t, os.Remove(p.options.ResultsDirs[0]))
	want := []frame.Record{
		frame.Intro{Version: 1}, frame.Problem{Result: "a", Kind: frame.Unreadable}, frame.End{Problems: 1},
	}
	if diff := cmp.Diff(want, p.emitted(t.Context()), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A result that was there when a step ended, and is gone, is not what was never there.
func TestMissing(t *testing.T) {
	p := newPod(t, 3, "gone", "kept", "again", "never")
	must(t,
		rundir.Post(p.runDir(0), frame.Step{Name: "step-0", Reason: frame.ReasonCompleted}, "gone", "kept"),
		rundir.Post(p.runDir(1), frame.Step{Name: "step-1", Reason: frame.ReasonCompleted}, "gone", "again", "kept", "undeclared"),
		rundir.Post(p.runDir(2), frame.Step{Name: "step-2", Reason: frame.ReasonCompleted}, "kept"),
	)
	p.write("kept", "1")
	p.write("again", "2")
	got := p.emitted(t.Context())[4:]
	want := []frame.Record{
		frame.Problem{Result: "gone", Kind: frame.Missing}, result("kept", "1"), result("again", "2"),
		frame.End{Steps: 3, Results: 2, Problems: 1, Bytes: 2},
	}
	if diff := cmp.Diff(want, got, forget); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	if detail := got[0].(frame.Problem).Detail; !strings.Contains(detail, `"step-1"`) {
		t.Errorf("the detail does not name the last step that left it: %q", detail)
	}
}

// Results may lie in several directories, as those of a step's own do.
func TestSeveralDirectories(t *testing.T) {
	p := newPod(t, 1, "a")
	own := filepath.Join(p.runDir(0), "results")
	must(t, os.Mkdir(own, 0o700), os.WriteFile(filepath.Join(own, "b"), []byte("own"), 0o600),
		os.Symlink("../../../results/a", filepath.Join(own, "c")))
	p.options.ResultsDirs = append(p.options.ResultsDirs, own)
	for _, name := range []string{"b", "c"} {
		p.options.Results = append(p.options.Results, results.File{
			Declared: results.Declared{Name: "step-0." + name, Type: results.TypeString}, Path: filepath.Join(own, name),
		})
	}
	p.write("a", "task's")
	p.end(0, frame.ReasonCompleted)
	want := []frame.Record{
		result("a", "task's"), result("step-0.b", "own"), frame.Problem{Result: "step-0.c", Kind: frame.NotRegular},
		frame.End{Steps: 1, Results: 2, Problems: 1, Bytes: 9},
	}
	if diff := cmp.Diff(want, p.emitted(t.Context())[2:], forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A step whose entrypoint was killed is reported, and the sidecar does not wait for it any longer.
func TestLostStep(t *testing.T) {
	p := newPod(t, 2, "a")
	p.write("a", "kept")
	held, err := rundir.Hold(p.runDir(0))
	must(t, err, held.Close())
	p.end(1, frame.ReasonSkipped)
	want := []frame.Record{
		frame.Intro{Version: 1}, frame.Step{Name: "step-0", ExitCode: frame.LostExitCode, Reason: frame.ReasonLost},
		frame.Step{Name: "step-1", Reason: frame.ReasonSkipped}, result("a", "kept"), frame.End{Steps: 2, Results: 1, Bytes: 4},
	}
	if diff := cmp.Diff(want, p.emitted(t.Context()), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A step that forged its end has not ended, and no result is carried.
func TestForgedStep(t *testing.T) {
	p := newPod(t, 2, "a", "absent")
	p.options.Grace = time.Millisecond
	p.write("a", "evil")
	held, err := rundir.Hold(p.runDir(0))
	must(t, err)
	defer func() { must(t, held.Close()) }()
	p.end(0, frame.ReasonCompleted)
	p.end(1, frame.ReasonCompleted)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := []frame.Record{
		frame.Intro{Version: 1}, frame.Step{Name: "step-1", Reason: frame.ReasonCompleted},
		frame.Step{Name: "step-0", ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonForged},
		frame.Problem{Result: "a", Kind: frame.Withheld}, frame.End{Steps: 2, Problems: 1, Interrupted: true},
	}
	if diff := cmp.Diff(want, p.emitted(ctx), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// After it was stopped, the sidecar waits for steps only for its grace, and then reports what there is.
func TestInterrupted(t *testing.T) {
	p := newPod(t, 3, "a")
	p.options.Grace = time.Millisecond
	p.write("a", "kept")
	p.end(1, frame.ReasonCompleted)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := []frame.Record{
		frame.Intro{Version: 1}, frame.Step{Name: "step-1", Reason: frame.ReasonCompleted},
		frame.Step{Name: "step-0", ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonUnfinished},
		frame.Step{Name: "step-2", ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonUnfinished},
		result("a", "kept"), frame.End{Steps: 3, Results: 1, Bytes: 4, Interrupted: true},
	}
	if diff := cmp.Diff(want, p.emitted(ctx), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Steps that end within the grace are reported with their records, and the stream is not interrupted.
func TestEndInGrace(t *testing.T) {
	const steps = 20
	p := newPod(t, steps)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := sidecar.Run(ctx, in, p.options)
		done <- errors.Join(err, in.Close())
	}()
	r := frame.NewReader(out, "n0nce", frame.Limits{})
	next := func(want frame.Record) {
		t.Helper()
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, forget); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	}
	next(frame.Intro{Version: 1})
	for i := range steps {
		p.end(i, frame.ReasonCancelled)
		next(frame.Step{Name: p.options.Steps[i], Reason: frame.ReasonCancelled})
	}
	next(frame.End{Steps: steps})
	if err := errors.Join(r.Rest(), <-done); err != nil {
		t.Error(err)
	}
}

// broken takes a number of writes and then fails.
type broken struct {
	left int
	err  error
}

func (b *broken) Write(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, b.err
	}
	return len(p), nil
}

func TestCannotWrite(t *testing.T) {
	p := newPod(t, 1, "a")
	p.options.MaxSize = 1 << 20
	p.write("a", strings.Repeat("0123456789", 5000))
	p.end(0, frame.ReasonCompleted)
	for writes := range 3 {
		gone := errors.New("nobody reads")
		if err := sidecar.Run(t.Context(), &broken{left: writes, err: gone}, p.options); !errors.Is(err, gone) {
			t.Errorf("after %d writes: got error %v, want %v", writes, err, gone)
		}
	}
}
