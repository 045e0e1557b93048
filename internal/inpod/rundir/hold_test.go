package rundir_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// forge writes the record of an end into a run directory, as a step can.
func forge(dir string) error {
	return errors.Join(
		os.WriteFile(filepath.Join(dir, rundir.Status), []byte(`{"name":"step-a","exitCode":0,"reason":"Completed"}`), 0o644),
		os.WriteFile(filepath.Join(dir, rundir.Out), nil, 0o644),
	)
}

// tampering is what a step can do to the file Running of its directory.
func tampering() map[string]func(running string) error {
	replaced := func(with func(path string) error) func(string) error {
		return func(path string) error { return errors.Join(os.Remove(path), with(path)) }
	}
	return map[string]func(string) error{
		"Untouched":    func(string) error { return nil },
		"Removed":      os.Remove,
		"Unlocked":     replaced(func(p string) error { return os.WriteFile(p, nil, 0o644) }),
		"Unreadable":   replaced(func(p string) error { return os.WriteFile(p, nil, 0) }),
		"Closed":       func(p string) error { return os.Chmod(p, 0) },
		"FIFO":         replaced(func(p string) error { return syscall.Mkfifo(p, 0o644) }),
		"Directory":    replaced(func(p string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o755) }),
		"Link":         replaced(func(p string) error { return os.Symlink("/dev/null", p) }),
		"DanglingLink": replaced(func(p string) error { return os.Symlink("absent", p) }),
		"Renamed":      func(p string) error { return os.Rename(p, p+".old") },
		"Truncated":    func(p string) error { return os.Truncate(p, 0) },
	}
}

// While the entrypoint holds the directory, the step has not ended, whatever it does to the files in it. What it wrote is
// known to be forged, also when its entrypoint is killed before it can say so.
func TestForgedEndIsNone(t *testing.T) {
	for name, tamper := range tampering() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			held, err := rundir.Hold(dir)
			must(t, err)
			observer := rundir.Observe(dir)
			must(t, tamper(filepath.Join(dir, rundir.Running)), forge(dir))
			if state, got := observer.Look(); state != rundir.Waiting {
				t.Errorf("the step runs: state %d, record %+v", state, got)
			}
			if !held.Forged() || !observer.Forged() {
				t.Error("the record is not known to be forged")
			}
			must(t, held.Close()) // as when the entrypoint is killed
			state, got := observer.Look()
			if state != rundir.Ended || got.Reason != frame.ReasonForged || got.ExitCode != frame.LostExitCode || rundir.GoesOn(got) {
				t.Errorf("the entrypoint was killed: state %d, record %+v", state, got)
			}
		})
	}
}

// A step whose entrypoint is killed is lost, whatever the step did to the file by which that is seen.
func TestLostAfterTampering(t *testing.T) {
	for name, tamper := range tampering() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			held, err := rundir.Hold(dir)
			must(t, err)
			observer := rundir.Observe(dir)
			must(t, tamper(filepath.Join(dir, rundir.Running)))
			if state, _ := observer.Look(); state != rundir.Waiting {
				t.Errorf("the step runs: state %d", state)
			}
			must(t, held.Close())
			if state, _ := observer.Look(); state != rundir.Lost {
				t.Errorf("the entrypoint was killed: state %d", state)
			}
		})
	}
}

// Release undoes what the step did: between it and Post the step neither has ended nor is lost, and then it has ended as
// its entrypoint says.
func TestRelease(t *testing.T) {
	for name, tamper := range tampering() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			held, err := rundir.Hold(dir)
			must(t, err)
			must(t, tamper(filepath.Join(dir, rundir.Running)), forge(dir), held.Release())
			observer := rundir.Observe(dir)
			if state, got := observer.Look(); state != rundir.Waiting {
				t.Errorf("the end was not posted yet: state %d, record %+v", state, got)
			}
			if info, err := os.Lstat(filepath.Join(dir, rundir.Running)); err != nil || info.Mode() != 0o644 {
				t.Errorf("the file by which a killed entrypoint is seen: %v, %v", info, err)
			}
			want := step(3, frame.ReasonError)
			must(t, rundir.Post(dir, want))
			state, got := observer.Look()
			if diff := cmp.Diff(want, got); state != rundir.Ended || diff != "" {
				t.Errorf("posted: state %d, -want +got:\n%s", state, diff)
			}
			must(t, held.Close())
			state, got = observer.Look()
			if diff := cmp.Diff(want, got); state != rundir.Ended || diff != "" {
				t.Errorf("closed: state %d, -want +got:\n%s", state, diff)
			}
		})
	}
}

// A released step whose entrypoint is killed before it has posted the end is lost.
func TestKilledBeforePost(t *testing.T) {
	dir := t.TempDir()
	held, err := rundir.Hold(dir)
	must(t, err)
	must(t, forge(dir), held.Release(), held.Close())
	if state, got := rundir.Look(dir); state != rundir.Lost {
		t.Errorf("state %d, record %+v", state, got)
	}
}

// Any number of observers look at once, and none of them takes another one for the step's entrypoint.
func TestObserversDoNotDisturbEachOther(t *testing.T) {
	dir := t.TempDir()
	held, err := rundir.Hold(dir)
	must(t, err)
	must(t, held.Release(), rundir.Post(dir, step(0, frame.ReasonCompleted)), held.Close())
	errs := make(chan error)
	const observers, looks = 8, 200
	for range observers {
		go func() {
			observer := rundir.Observe(dir)
			for range looks {
				if state, got := observer.Look(); state != rundir.Ended || got.Reason != frame.ReasonCompleted {
					errs <- fmt.Errorf("state %d, record %+v", state, got)
					return
				}
			}
			errs <- nil
		}()
	}
	for range observers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// A directory in place of a file of the end costs no more than a file, whatever is in it.
func TestDirectoriesAreNotEntered(t *testing.T) {
	dir := t.TempDir()
	held, err := rundir.Hold(dir)
	must(t, err)
	defer func() { must(t, held.Close()) }()
	must(t, os.MkdirAll(filepath.Join(dir, rundir.Out, "kept"), 0o755), held.Release(), rundir.Post(dir, step(1, frame.ReasonError)))
	kept, err := filepath.Glob(filepath.Join(dir, ".out.away-*", "kept"))
	if err != nil || len(kept) != 1 {
		t.Errorf("the directory was emptied: %v, error %v", kept, err)
	}
}

// asOther runs f with the rights of another user than root, who sees everything; for others it just runs it.
func asOther(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	runtime.LockOSThread() // the kernel keeps this user for each thread
	defer runtime.UnlockOSThread()
	must(t, syscall.Setfsuid(nobody))
	defer func() { must(t, syscall.Setfsuid(0)) }()
	f()
}

// A step that closes its directory hides its files. An observer that has looked before still sees whether the step is
// running.
func TestClosedDirectory(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	held, err := rundir.Hold(dir)
	must(t, err)
	observer := rundir.Observe(dir)
	defer observer.Close()
	wants := func(when string, look func() (rundir.State, frame.Step), want rundir.State) {
		t.Helper()
		asOther(t, func() {
			if state, _ := look(); state != want {
				t.Errorf("%s: state %d, want %d", when, state, want)
			}
		})
	}
	wants("open", observer.Look, rundir.Waiting)
	must(t, os.Chmod(dir, 0))
	wants("closed, for who has looked before", observer.Look, rundir.Waiting)
	wants("closed, for who has not", rundir.Observe(dir).Look, rundir.Hidden)
	must(t, held.Close())
	wants("closed, and the step has ended", observer.Look, rundir.Hidden)
	must(t, os.Chmod(dir, 0o755))
}
