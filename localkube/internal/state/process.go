package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// HostPIDs maps the process numbers in the PID namespace of the given process to those of the caller. They are equal if the
// two namespaces are the same.
func HostPIDs(of Process) (map[int]int, error) {
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", of.PID))
	if err != nil {
		return nil, fmt.Errorf("cannot read the PID namespace of process %d: %w", of.PID, err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	pids := map[int]int{}
	for _, link := range links {
		if other, err := os.Readlink(link); err != nil || other != namespace {
			continue // also a process that has just ended
		}
		host, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil {
			return nil, fmt.Errorf("cannot parse %q: %w", link, err)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", host))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the status of process %d: %w", host, err)
		}
		if inner, ok := innermostPID(string(status)); ok {
			pids[inner] = host
		}
	}
	return pids, nil
}

// innermostPID returns the number of a process in its own PID namespace: the last on the NSpid line of /proc/PID/status.
func innermostPID(status string) (int, bool) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "NSpid:"); ok {
			numbers := strings.Fields(rest)
			if len(numbers) == 0 {
				return 0, false
			}
			pid, err := strconv.Atoi(numbers[len(numbers)-1])
			return pid, err == nil
		}
	}
	return 0, false
}
