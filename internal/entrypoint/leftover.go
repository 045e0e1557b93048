package entrypoint

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/results/emit/regular"
)

// endPatience is how long killed processes may take to be gone. A process that waits for a device or a remote file
// system is killed when that answers.
const endPatience = 5 * time.Second

// killPeriod is how often processes are killed that were started meanwhile.
const killPeriod = 50 * time.Millisecond

// errLeftover says that the step has processes that could not be ended: those of another user, or ones that wait for a
// device.
var errLeftover = errors.New("cannot end all processes that the step left in the background; they end with the container")

// adopt makes this process the parent of all orphans among its descendants. The first process of a process namespace is
// that anyway; in a pod whose containers share one it is not.
func adopt() {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER
	// Every kernel since Linux 3.4 has it, and it takes no permission.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
}

// endAll kills whatever the command left running in the background, and returns once it is gone: the end of the container
// would kill it anyway, but only after the step's end was posted. Until then it could change what the step has left.
func (p *processes) endAll() error {
	timer := time.NewTimer(endPatience)
	defer timer.Stop()
	again := time.NewTicker(killPeriod)
	defer again.Stop()
	for {
		if p.reap() {
			return nil
		}
		killDescendants()
		select {
		case <-p.reaped:
		case <-again.C:
		case <-timer.C:
			return errLeftover
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
	children := childrenByParent()
	for pending := children[self]; len(pending) > 0; {
		pid := pending[0]
		pending = append(pending[1:], children[pid]...)
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
	}
}

// maxStat is how much of a file /proc/PID/stat is read, in bytes: the parent comes after a name of at most 64 bytes.
const maxStat = 512

// childrenByParent returns the processes that this one sees, by their parents.
func childrenByParent() map[int][]int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := regular.ReadHead("/proc/"+e.Name()+"/stat", maxStat)
		if err != nil {
			continue // it has ended
		}
		if parent, ok := parentOf(stat); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	return children
}

// parentOf returns the parent that a file /proc/PID/stat names: "PID (NAME) STATE PARENT …", where a name may have
// anything in it.
func parentOf(stat []byte) (int, bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return parent, err == nil
}
