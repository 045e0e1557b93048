package entrypoint

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/procfs"
)

// endPatience is the maximum time for killed processes to end. A process that waits for a device or a remote file system ends
// only when that responds.
const endPatience = 5 * time.Second

// leftoverGrace is how long processes that the command left running may take to end on their own. A shell does not wait for a
// process substitution, such as the one in "exec > >(tee FILE)", which sees the end of its input only after the shell has
// ended.
const leftoverGrace = 500 * time.Millisecond

// killPeriod is how often processes are killed that were started meanwhile.
const killPeriod = 50 * time.Millisecond

// errLeftover means that the step has processes that could not be ended: those of another user, or ones that wait for a
// device.
var errLeftover = errors.New("cannot end all processes that the step left in the background; they end with the container")

// errKilled explains to the user why a background process of the step may not have finished.
var errKilled = fmt.Errorf("killed the processes that the command left running, because they did not end within %s after it; "+
	"data that they had not written is lost; let the step wait for them", leftoverGrace)

// adopt makes this process the parent of all orphans among its descendants. The first process of a process namespace already
// is their parent, but not if the containers of a pod share a process namespace.
func adopt() {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER
	// Every kernel since Linux 3.4 supports it, and it needs no permission.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0) //nolint:dogsled // it returns nothing else
}

// settle returns after all processes that the command left running have ended on their own, or after patience.
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

// endAll kills the background processes of the command, and returns after they have ended. The end of the container would
// kill them too, but only after the step's end is posted, and until then they could change the step's results. It reports
// whether there were any; if so, it calls before once, before it kills them.
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
		// This signal goes to all other processes of the namespace, also to those that are just starting.
		_ = syscall.Kill(-1, syscall.SIGKILL) // an error means that there are none that this user may kill
		return
	}
	for _, p := range procfs.Descendants(self) {
		_ = syscall.Kill(p.PID, syscall.SIGKILL) // an error means that it has just ended
	}
}
