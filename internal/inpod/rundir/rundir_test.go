package rundir_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

var ended = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func step(code int, reason frame.Reason) frame.Step {
	return frame.Step{Name: "step-a", ExitCode: code, FinishedAt: ended, Reason: reason}
}

// must stops the test if it cannot be set up.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal("cannot set up:", err)
	}
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

func TestPost(t *testing.T) {
	cases := map[string]struct {
		reason string
		step   frame.Step
		goesOn bool
	}{
		"Completed":  {reason: "After success the next step runs.", step: step(0, frame.ReasonCompleted), goesOn: true},
		"Continued":  {reason: "After a failure that is to be ignored, too.", step: step(3, frame.ReasonContinued), goesOn: true},
		"Error":      {reason: "After a failure it does not.", step: step(3, frame.ReasonError)},
		"Killed":     {reason: "A signal is a failure.", step: step(137, frame.ReasonKilled)},
		"Skipped":    {reason: "What skips a step skips the next one, too.", step: step(1, frame.ReasonSkipped)},
		"NotNeeded":  {reason: "A step that a when expression skips is no failure.", step: step(0, frame.ReasonSkipped), goesOn: true},
		"TimedOut":   {reason: "A step that ran too long is a failure.", step: step(124, frame.ReasonTimedOut)},
		"Cancelled":  {reason: "After a cancelled step nothing runs.", step: step(143, frame.ReasonCancelled)},
		"StartError": {reason: "A step that did not start is a failure.", step: step(127, frame.ReasonStartError)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := rundir.Post(dir, tc.step); err != nil {
				t.Fatalf("%s\ncannot post: %v", tc.reason, err)
			}
			state, got := rundir.Look(dir)
			if diff := cmp.Diff(tc.step, got); state != rundir.Ended || diff != "" {
				t.Errorf("%s\nstate %d, -want +got:\n%s", tc.reason, state, diff)
			}
			if rundir.GoesOn(got) != tc.goesOn || exists(dir, rundir.Out) != tc.goesOn || exists(dir, rundir.OutErr) == tc.goesOn {
				t.Errorf("%s\nthe next step would run: %t", tc.reason, !tc.goesOn)
			}
			code, err := os.ReadFile(filepath.Join(dir, rundir.ExitCode))
			if err != nil ||
				string(code) != map[int]string{0: "0", 1: "1", 3: "3", 124: "124", 127: "127", 137: "137", 143: "143"}[tc.step.ExitCode] {
				t.Errorf("%s\nexit code file: %q, error %v", tc.reason, code, err)
			}
		})
	}
}

// Others read what a step posts, whatever its umask is.
func TestPostIsReadable(t *testing.T) {
	old := syscall.Umask(0o777)
	defer syscall.Umask(old)
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	held, err := rundir.Hold(dir)
	must(t, err)
	must(t, rundir.Post(dir, step(0, frame.ReasonCompleted)), held.Close())
	for _, name := range []string{rundir.Running, rundir.Status, rundir.ExitCode, rundir.Out} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != 0o644 {
			t.Errorf("%s has mode %v, error %v", name, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("temporary files are left: %v, error %v", entries, err)
	}
}

// Whatever a step puts into its own run directory, its end is the one that its entrypoint records.
func TestForgedFiles(t *testing.T) {
	write := func(name, content string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600) }
	}
	cases := map[string]struct {
		reason string
		forge  func(dir string) error
	}{
		"Out": {
			reason: "An end without a record is none.",
			forge:  write(rundir.Out, ""),
		},
		"OutErr": {
			reason: "A failure without a record is none.",
			forge:  write(rundir.OutErr, ""),
		},
		"Status": {
			reason: "A record without an end is none.",
			forge:  write(rundir.Status, `{"name":"step-a","exitCode":0,"reason":"Completed"}`),
		},
		"BadStatus": {
			reason: "A record that says nothing is none.",
			forge:  func(d string) error { return errors.Join(write(rundir.Out, "")(d), write(rundir.Status, "{}")(d)) },
		},
		"Contradiction": {
			reason: "A record that cannot be is none.",
			forge: func(d string) error {
				return errors.Join(write(rundir.Out, "")(d), write(rundir.Status, `{"name":"step-a","exitCode":3,"reason":"Completed"}`)(d))
			},
		},
		"StatusNotJSON": {
			reason: "A record is JSON.",
			forge:  func(d string) error { return errors.Join(write(rundir.Out, "")(d), write(rundir.Status, "x")(d)) },
		},
		"StatusFIFO": {
			reason: "Nobody waits for a FIFO.",
			forge: func(d string) error {
				return errors.Join(write(rundir.Out, "")(d), syscall.Mkfifo(filepath.Join(d, rundir.Status), 0o600))
			},
		},
		"Directories": {
			reason: "Directories are replaced.",
			forge: func(d string) error {
				return errors.Join(os.MkdirAll(filepath.Join(d, rundir.Out, "x"), 0o700), os.MkdirAll(filepath.Join(d, rundir.Status, "x"), 0o700),
					os.MkdirAll(filepath.Join(d, ".status.new", "x"), 0o700))
			},
		},
		"Links": {
			reason: "Links are replaced, and not followed.",
			forge: func(d string) error {
				return errors.Join(os.Symlink("/dev/null", filepath.Join(d, rundir.Status)), os.Symlink("/dev/null", filepath.Join(d, ".status.new")))
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			held, err := rundir.Hold(dir)
			must(t, err)
			defer func() { must(t, held.Close()) }()
			must(t, tc.forge(dir))
			if state, got := rundir.Look(dir); state != rundir.Waiting {
				t.Errorf("%s\nstate %d, record %+v while the step runs", tc.reason, state, got)
			}
			if held.Forged() {
				t.Errorf("%s\nit is taken for the record of an end", tc.reason)
			}
			must(t, held.Release())
			want := step(2, frame.ReasonError)
			if err := rundir.Post(dir, want); err != nil {
				t.Fatalf("%s\ncannot post: %v", tc.reason, err)
			}
			state, got := rundir.Look(dir)
			if diff := cmp.Diff(want, got); state != rundir.Ended || diff != "" {
				t.Errorf("%s\nstate %d, -want +got:\n%s", tc.reason, state, diff)
			}
			if exists(dir, rundir.Out) {
				t.Errorf("%s\nthe next step would run", tc.reason)
			}
		})
	}
}

// A step whose entrypoint is gone without a record is lost, and only such a one.
func TestLost(t *testing.T) {
	look := func(dir, when string, want rundir.State) {
		t.Helper()
		if got, _ := rundir.Look(dir); got != want {
			t.Errorf("%s: state %d, want %d", when, got, want)
		}
	}
	dir := t.TempDir()
	look(dir, "before the step", rundir.Waiting)
	held, err := rundir.Hold(dir)
	must(t, err)
	look(dir, "while it runs", rundir.Waiting)
	must(t, held.Close())
	look(dir, "when its entrypoint is gone", rundir.Lost)
	if _, got := rundir.Look(dir); got.Reason != frame.ReasonLost || got.ExitCode != frame.LostExitCode || got.Message == "" {
		t.Errorf("the record of a lost step is %+v", got)
	}
	held, err = rundir.Hold(dir)
	must(t, err)
	look(dir, "when it runs again", rundir.Waiting)
	must(t, held.Release())
	look(dir, "when its entrypoint is about to record its end", rundir.Waiting)
	must(t, rundir.Post(dir, step(0, frame.ReasonCompleted)))
	look(dir, "when it has ended", rundir.Ended)
	must(t, held.Close())
	look(dir, "when its entrypoint has ended after its record", rundir.Ended)
	look(filepath.Join(dir, "absent"), "without a directory", rundir.Waiting)
}

// The results that existed when a step ended are recorded, whatever file the step put in place of the record.
func TestLeft(t *testing.T) {
	forge := func(content string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(content), 0o600) }
	}
	cases := map[string]struct {
		reason string
		forge  func(path string) error
		left   []string
	}{
		"None": {reason: "A step may leave nothing."},
		"One": {
			reason: "A step may leave a result.",
			left:   []string{"a"},
		},
		"Several": {
			reason: "A step may leave several.",
			left:   []string{"b", "a", "c.d"},
		},
		"Forged": {
			reason: "What a step says itself does not count.",
			forge:  forge("x\ny"),
			left:   []string{"a"},
		},
		"ForgedAll": {
			reason: "Nor does it when there is nothing to be said.",
			forge:  forge("x\ny"),
		},
		"Directory": {
			reason: "A directory is replaced.",
			forge:  func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o700) },
			left:   []string{"a"},
		},
		"FIFO": {
			reason: "Nobody waits for a FIFO.",
			forge:  func(p string) error { return syscall.Mkfifo(p, 0o600) },
			left:   []string{"a"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.forge != nil {
				must(t, tc.forge(filepath.Join(dir, rundir.LeftResults)))
			}
			must(t, rundir.Post(dir, step(0, frame.ReasonCompleted), tc.left...))
			if diff := cmp.Diff(tc.left, rundir.Left(dir)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, rundir.LeftResults), 0o700))
	for _, d := range []string{dir, filepath.Join(dir, "absent")} {
		if got := rundir.Left(d); got != nil {
			t.Errorf("%q has no record, and says %q", d, got)
		}
	}
}

func TestErrors(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	if _, err := rundir.Hold(absent); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Hold without a directory: got error %v", err)
	}
	if err := rundir.Post(absent, step(0, frame.ReasonCompleted)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Post without a directory: got error %v", err)
	}
}

// What happens after Watch wakes the watcher; nothing is missed between a look and a wait.
func TestWatch(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, tc := range []struct {
		name string
		dirs []string
	}{
		{name: "Events", dirs: dirs}, {name: "DirectoryIsMissing", dirs: []string{dirs[1], filepath.Join(dirs[0], "absent")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := rundir.Watch(tc.dirs...)
			defer w.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			must(t, rundir.Post(dirs[1], step(0, frame.ReasonCompleted)))
			for state := rundir.Waiting; state != rundir.Ended; state, _ = rundir.Look(dirs[1]) {
				if !w.Wait(ctx.Done()) {
					t.Fatal("nothing woke the watcher")
				}
			}
		})
	}
}

func TestWatchStops(t *testing.T) {
	w := rundir.Watch(t.TempDir())
	defer w.Close()
	done := make(chan struct{})
	close(done)
	for w.Wait(done) {
		t.Log("the watcher woke for another reason") // a tick, at most once a second
	}
}

// Without a watch of the kernel, the watcher still wakes.
func TestWatchWithoutEvents(t *testing.T) {
	dir := t.TempDir()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	w := rundir.Watch(dir)
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 3 {
		if !w.Wait(ctx.Done()) {
			t.Fatal("nothing woke the watcher")
		}
	}
}
