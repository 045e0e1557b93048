package rundir

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// State is the state of a step.
type State int

// The states of a step.
const (
	// Waiting: the step has not ended, or has not started.
	Waiting State = iota
	// Ended: the step has ended, and has a record.
	Ended
	// Lost: the step's entrypoint was killed, and there is no record.
	Lost
	// Hidden: the files of the step cannot be read, at least not by this process's user. Another user may see that it
	// completed.
	Hidden
)

// Observer observes the run directory of another container, and keeps its observations.
type Observer struct {
	dir string
	// life is a descriptor of the directory from the first look on. With it the lock can be checked even after the directory
	// cannot be opened any more.
	life *os.File
	// begun: the directory was locked at some time.
	begun bool
	// forged: there was a record of an end while the directory was locked.
	forged bool
}

// Observe returns an Observer of dir. A directory that does not exist yet belongs to a step that has not started.
func Observe(dir string) *Observer { return &Observer{dir: dir} }

// Look is the first look of an Observer.
func Look(dir string) (State, frame.Step) {
	o := Observe(dir)
	defer o.Close()
	return o.Look()
}

// Look returns the state of the step, and its record if the step has ended, is lost or hidden. A record that was seen while
// the step ran is replaced by one with the reason frame.ReasonForged, unless the step's entrypoint has replaced it.
func (o *Observer) Look() (State, frame.Step) {
	root, err := securefile.OpenRoot(o.dir)
	if errors.Is(err, fs.ErrPermission) {
		if o.life != nil && locked(int(o.life.Fd())) {
			return Waiting, frame.Step{} // the step has closed it, and has not ended
		}
		// All users can read it when the pod starts. To wait until that is true again could take forever.
		return Hidden, lost("cannot read the step's run directory any more: " + err.Error())
	}
	if err != nil {
		return Waiting, frame.Step{}
	}
	defer root.Close() //nolint:errcheck // it was only read
	o.keep()
	// The record is read before and after the check of the lock. An entrypoint releases the lock before it posts the end. So
	// a record from before the check is forged if the directory is then locked, and a record counts only if the directory was
	// unlocked before it was read.
	_, early := status(root, o.dir)
	if locked(root.Fd()) {
		o.begun, o.forged = true, o.forged || early
		return Waiting, frame.Step{}
	}
	// An entrypoint that ends between the two looks has already written its record.
	abandoned := o.abandoned()
	if s, ok := status(root, o.dir); ok {
		return Ended, o.judged(s)
	}
	if abandoned {
		return Lost, lost("the step's entrypoint was killed before it could record how the step ended")
	}
	return Waiting, frame.Step{}
}

// keep opens the directory once.
func (o *Observer) keep() {
	if o.life != nil {
		return
	}
	if life, err := openDir(o.dir); err == nil {
		o.life = life // without it, later looks see less
	}
}

// Close releases the resources of the Observer. It must not be used afterwards.
func (o *Observer) Close() {
	if o.life != nil {
		_ = o.life.Close() // it was only read
	}
}

// Forged reports whether there was a record of the step's end while the step was running.
func (o *Observer) Forged() bool { return o.forged }

// judged returns the record of an ended step, or the one that must replace it.
func (o *Observer) judged(s frame.Step) frame.Step {
	if !o.forged || s.Reason == frame.ReasonForged {
		return s
	}
	return ForgedRecord(frame.LostExitCode)
}

// ForgedRecord returns the record of a step that wrote a record of its end while it ran, with its known exit code.
func ForgedRecord(exitCode int) frame.Step {
	return frame.Step{
		ExitCode: exitCode, Reason: frame.ReasonForged,
		Message: "it wrote a record of its end to its run directory while it was running, so no result of the run is kept; " +
			"do not write files below /tekton/run or /tekton/steps in the step",
	}
}

// lost returns the record of a step without one. The caller adds the name and the time.
func lost(message string) frame.Step {
	return frame.Step{ExitCode: frame.LostExitCode, Reason: frame.ReasonLost, Message: message}
}

// recorded returns the record of an end in dir.
func recorded(dir string) (frame.Step, bool) {
	root, err := securefile.OpenRoot(dir)
	if err != nil {
		return frame.Step{}, false
	}
	defer root.Close() //nolint:errcheck // it was only read
	return status(root, dir)
}

// status returns the record of an end.
func status(root *securefile.Root, dir string) (frame.Step, bool) {
	if !exists(dir, Out) && !exists(dir, OutErr) {
		return frame.Step{}, false
	}
	b, err := root.Read(filepath.Join(dir, Status), maxStatus, &securefile.Buffer{})
	if err != nil {
		return frame.Step{}, false
	}
	var s frame.Step
	// A forged record must never be one that no observer can forward.
	if err := json.Unmarshal(b, &s); err != nil || frame.ValidStep(s) != nil {
		return frame.Step{}, false
	}
	return s, true
}

// locked reports whether processes of the step may be running. It only tries a shared lock, so that any number of observers
// can check at the same time, and none of them delays the entrypoint for longer than the check.
func locked(fd int) bool {
	if flock(fd, syscall.LOCK_SH|syscall.LOCK_NB) != nil {
		return true
	}
	_ = flock(fd, syscall.LOCK_UN) // closing the directory would also unlock it
	return false
}

// abandoned reports whether the step has started and its entrypoint does not run any more, for a directory that is not
// locked. While it runs, the entrypoint keeps Running as a locked regular file. Anything else means that it has ended.
func (o *Observer) abandoned() bool {
	path := filepath.Join(o.dir, Running)
	info, err := os.Lstat(path)
	if err != nil {
		return o.begun && errors.Is(err, fs.ErrNotExist)
	}
	if !info.Mode().IsRegular() {
		return true
	}
	const flags = syscall.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	fd, err := syscall.Open(path, flags, 0)
	if err != nil {
		return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ELOOP)
	}
	// Closing the file also releases the lock, which was only a check.
	defer syscall.Close(fd) //nolint:errcheck // it was only read
	return flock(fd, syscall.LOCK_SH|syscall.LOCK_NB) == nil
}
