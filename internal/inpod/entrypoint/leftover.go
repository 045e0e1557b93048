package entrypoint

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/procfs"
)

// endPatience is how long killed processes may take to be gone. A process that waits for a device or a remote file
// system is killed when that answers.
const endPatience = 5 * time.Second

// leftoverGrace is how long what the command left running may take to end by itself. A shell does not wait for a process
// substitution, such as the one in "exec > >(tee FILE)", which sees the end of its input only when the shell has ended.
const leftoverGrace = 500 * time.Millisecond

// killPeriod is how often processes are killed that were started meanwhile.
const killPeriod = 50 * time.Millisecond

// errLeftover says that the step has processes that could not be ended: those of another user, or ones that wait for a
// device.
var errLeftover = errors.New("cannot end all processes that the step left in the background; they end with the container")

// errKilled tells the user of a step why something that it left running may not have done its work.
var errKilled = fmt.Errorf("killed what the command left running, since it did not end within %s after the command; "+
	"what it had not written by then is lost; let the step wait for it", leftoverGrace)

// adopt makes this process the parent of all orphans among its descendants. The first process of a process namespace is
// that anyway; in a pod whose containers share one it is not.
func adopt() {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER
	// Every kernel since Linux 3.4 has it, and it takes no permission.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0) //nolint:dogsled // That is all it returns.
}

// settle returns once whatever the command left running has ended by itself, or patience is over.
func (p *processes) settle(patience time.Duration) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !p.reap() {
		select {
		case <-p.reaped:
		case <-timer.C:
			return
		}
	}
}

// endAll kills whatever the command left running in the background, and returns once it is gone: the end of the container
// would kill it anyway, but only after the step's end was posted. Until then it could change what the step has left. It
// reports whether there was anything to kill, and calls before once in that case, before it kills.
func (p *processes) endAll(before func()) (killed bool, err error) {
	timer := time.NewTimer(endPatience)
	defer timer.Stop()
	again := time.NewTicker(killPeriod)
	defer again.Stop()
	for {
		if p.reap() {
			return killed, nil
		}
		if !killed {
			killed = true
			before()
		}
		killDescendants()
		select {
		case <-p.reaped:
		case <-again.C:
		case <-timer.C:
			return killed, errLeftover
		}
	}
}

// killDescendants kills all processes that descend from this one.
func killDescendants() {
	self := os.Getpid()
	if self == 1 {
		// All processes of the namespace but this one: nothing that starts meanwhile is missed.
		_ = syscall.Kill(-1, syscall.SIGKILL) // there may be none that this user may kill
		return
	}
	for _, p := range procfs.Descendants(self) {
		_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may just have ended
	}
}
