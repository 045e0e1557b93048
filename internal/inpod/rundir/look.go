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

// State says where a step stands.
type State int

// The states of a step.
const (
	// Waiting: the step has not ended, or not begun.
	Waiting State = iota
	// Ended: the step has ended, and left its record.
	Ended
	// Lost: the step's entrypoint was killed, and left no record.
	Lost
	// Hidden: whatever the step leaves cannot be seen, at least by this process's user. Another may see that it completed.
	Hidden
)

// Observer looks at the run directory of another container, and remembers what it saw.
type Observer struct {
	dir string
	// life is a descriptor of the directory, from the first look on: with it the lock can be seen also when the directory
	// cannot be opened any more.
	life *os.File
	// begun: the directory was locked at some time.
	begun bool
	// forged: there was a record of an end while the directory was locked.
	forged bool
}

// Observe returns an Observer of dir. A directory that is not there yet is that of a step that has not begun.
func Observe(dir string) *Observer { return &Observer{dir: dir} }

// Look is the first look of an Observer.
func Look(dir string) (State, frame.Step) {
	o := Observe(dir)
	defer o.Close()
	return o.Look()
}

// Look returns where the step stands, and its record once it has ended, is lost or hidden. A record that was seen while
// the step ran is replaced by one of the reason frame.ReasonForged, unless the step's entrypoint replaced it.
func (o *Observer) Look() (State, frame.Step) {
	root, err := securefile.OpenRoot(o.dir)
	if errors.Is(err, fs.ErrPermission) {
		if o.life != nil && locked(int(o.life.Fd())) {
			return Waiting, frame.Step{} // the step has closed it, and has not ended
		}
		// Everybody may look into it when the pod begins. To wait until that is so again could be to wait for ever.
		return Hidden, lost("the step's run directory cannot be looked into any more: " + err.Error())
	}
	if err != nil {
		return Waiting, frame.Step{}
	}
	defer root.Close() //nolint:errcheck // it was only read
	o.keep()
	// The first look at the record comes before the look at the lock, and the second one after it. An entrypoint frees
	// the lock before it posts, so that a record is forged if the directory is locked afterwards, and is the one that
	// counts only if the directory was free before.
	_, early := status(root, o.dir)
	if locked(root.Fd()) {
		o.begun, o.forged = true, o.forged || early
		return Waiting, frame.Step{}
	}
	// An entrypoint that ends between the two looks has left its record by then.
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
		o.life = life // without it less can be seen later
	}
}

// Close frees what the Observer holds. It must not be used afterwards.
func (o *Observer) Close() {
	if o.life != nil {
		_ = o.life.Close() // it was only looked at
	}
}

// Forged reports whether there was a record of the step's end while the step still ran.
func (o *Observer) Forged() bool { return o.forged }

// judged returns the record of a step that has ended, or what must be told in its place.
func (o *Observer) judged(s frame.Step) frame.Step {
	if !o.forged || s.Reason == frame.ReasonForged {
		return s
	}
	return ForgedRecord(frame.LostExitCode)
}

// ForgedRecord is the record of a step that wrote a record of its end while it ran, with the exit code that is known of it.
func ForgedRecord(exitCode int) frame.Step {
	return frame.Step{
		ExitCode: exitCode, Reason: frame.ReasonForged,
		Message: "it wrote a record of its own end into its run directory and ran on, so no result of the run is kept; " +
			"remove from the step what writes files below /tekton/run or /tekton/steps",
	}
}

// lost is the record of a step that left none. Who knows its name and the time puts them in.
func lost(message string) frame.Step {
	return frame.Step{ExitCode: frame.LostExitCode, Reason: frame.ReasonLost, Message: message}
}

// recorded returns the record of an end that dir has.
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
	// What a step forged must not be what nobody can hand on.
	if err := json.Unmarshal(b, &s); err != nil || frame.ValidStep(s) != nil {
		return frame.Step{}, false
	}
	return s, true
}

// locked reports whether processes of the step may live. The lock is shared and only tried, so that any number of
// observers look at the same time, and none of them holds up the entrypoint for longer than the look takes.
func locked(fd int) bool {
	if flock(fd, syscall.LOCK_SH|syscall.LOCK_NB) != nil {
		return true
	}
	_ = flock(fd, syscall.LOCK_UN) // closing the directory frees it as well
	return false
}

// abandoned reports whether the step has begun and its entrypoint does not live any more, given that the directory is not
// locked. The entrypoint keeps Running a locked plain file as long as it lives, so that anything else means that it does
// not.
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
	// Closing the file also gives back the lock, which was only taken to see whether it can be.
	defer syscall.Close(fd) //nolint:errcheck // it was only read
	return flock(fd, syscall.LOCK_SH|syscall.LOCK_NB) == nil
}
