package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process identifies a process even if its number is reused: by number, start time and boot of the machine.
type Process struct {
	// PID is the number, in the PID namespace of the process that recorded it.
	PID int `json:"pid"`
	// Start is the start time in clock ticks since boot, field 22 of /proc/PID/stat. It is the same in every PID namespace.
	Start uint64 `json:"start"`
	// Boot is the boot's random identifier from /proc/sys/kernel/random/boot_id.
	Boot string `json:"boot"`
}

// Identify returns the identity of the running process with that number.
func Identify(pid int) (Process, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, fmt.Errorf("cannot identify process %d: %w", pid, err)
	}
	start, err := parseStart(stat)
	if err != nil {
		return Process{}, fmt.Errorf("cannot identify process %d: %w", pid, err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Process{}, fmt.Errorf("cannot identify this boot: %w", err)
	}
	return Process{PID: pid, Start: start, Boot: strings.TrimSpace(string(boot))}, nil
}

// Alive reports whether exactly this process still runs. A process that has ended but was not waited for does not run. A
// process of which a thread still runs does run, because it still has its files and sockets.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	// The descriptor keeps the number from being reused, so the identity can be checked only now.
	if now, err := Identify(p.PID); err != nil || now != p {
		return false
	}
	return !ended(fd, 0)
}

// End kills the process, if it runs, and waits until it has ended with all its threads.
func (p Process) End(timeout time.Duration) error {
	if p.PID <= 0 {
		return nil
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return ignoreGone(err, p.PID)
	}
	defer func() { _ = unix.Close(fd) }()
	if now, err := Identify(p.PID); err != nil || now != p {
		return nil // another process has the number now
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		return ignoreGone(err, p.PID)
	}
	if !ended(fd, timeout) {
		return fmt.Errorf("cannot end process %d: still running after %s", p.PID, timeout)
	}
	return nil
}

// Signal sends a signal to exactly this process. It fails if the process has ended.
func (p Process) Signal(sig unix.Signal) error {
	if p.PID <= 0 {
		return fmt.Errorf("cannot signal process %d: the process has ended", p.PID)
	}
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return fmt.Errorf("cannot signal process %d: %w", p.PID, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if now, err := Identify(p.PID); err != nil || now != p {
		return fmt.Errorf("cannot signal process %d: another process has the number now", p.PID)
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		return fmt.Errorf("cannot signal process %d: %w", p.PID, err)
	}
	return nil
}

// Paused reports whether a signal has stopped the process with that number, so that it neither runs nor ends.
func Paused(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// The state is the field after the program's name (proc(5)).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	return len(fields) > 0 && fields[0] == "T"
}

func ignoreGone(err error, pid int) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return fmt.Errorf("cannot end process %d: %w", pid, err)
}

// ended waits until the process of the descriptor has ended, or the time is over.
func ended(fd int, timeout time.Duration) bool {
	deadline := time.Now().Add(timeout)
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // descriptors are small numbers
		n, err := unix.Poll(poll, int(max(0, time.Until(deadline)).Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n > 0
		}
	}
}

// parseStart reads the start time in /proc/PID/stat (proc(5)). The second field is the program's name in parentheses. The
// name may contain spaces and parentheses, so fields are counted after the last parenthesis.
func parseStart(stat []byte) (uint64, error) {
	const startField, firstFieldAfterName = 22, 3
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, errors.New("no program name in stat")
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) <= startField-firstFieldAfterName {
		return 0, fmt.Errorf("only %d fields in stat", len(fields))
	}
	start, err := strconv.ParseUint(fields[startField-firstFieldAfterName], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot parse start time: %w", err)
	}
	return start, nil
}

// HostPIDs maps the process numbers of the children of the given process, as it sees them, to those of the caller. They are equal if
// both are in the same PID namespace. A child may be the first process of another PID namespace, as that of a node is.
func HostPIDs(of Process) (map[int]int, error) {
	parent, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", of.PID))
	if err != nil {
		return nil, fmt.Errorf("cannot read the status of process %d: %w", of.PID, err)
	}
	depth := len(statusNumbers(string(parent), "NSpid"))
	paths, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	pids := map[int]int{}
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		if inner, outer, ok := childNumbers(string(status), of.PID, depth); ok {
			pids[inner] = outer
		}
	}
	return pids, nil
}

// childNumbers returns the numbers of a child for its parent and for the caller, from the child's status. The parent has the number
// parent for the caller, and is in a namespace that is that deep, 1 for that of the caller. ok is false for other processes.
func childNumbers(status string, parent, depth int) (inner, outer int, ok bool) {
	// NSpid has one number for each namespace, from that of the caller to the innermost.
	numbers := statusNumbers(status, "NSpid")
	if depth < 1 || len(numbers) < depth || !slices.Equal(statusNumbers(status, "PPid"), []int{parent}) {
		return 0, 0, false
	}
	return numbers[depth-1], numbers[0], true
}

// statusNumbers returns the numbers of a field of /proc/PID/status (proc(5)), or nil if it is missing or not numeric.
func statusNumbers(status, field string) []int {
	var numbers []int
	for line := range strings.Lines(status) {
		rest, ok := strings.CutPrefix(line, field+":")
		if !ok {
			continue
		}
		for word := range strings.FieldsSeq(rest) {
			n, err := strconv.Atoi(word)
			if err != nil {
				return nil
			}
			numbers = append(numbers, n)
		}
	}
	return numbers
}
