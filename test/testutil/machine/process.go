package machine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Process is a process of a container.
type Process struct {
	// PID is its number on this machine.
	PID int
	// Inner is its number in its container. The first process has number 1.
	Inner int
	// State is the state letter of proc(5): T is stopped by a signal, Z has ended.
	State string
}

// First reports whether the process is the first one of the container.
func (p Process) First() bool { return p.Inner == 1 }

// Signal sends a signal to the process.
func (p Process) Signal(signal unix.Signal) error {
	if err := unix.Kill(p.PID, signal); err != nil {
		return fmt.Errorf("cannot send %q to process %d: %w", signal, p.PID, err)
	}
	return nil
}

// Gone reports whether no process has its number.
func (p Process) Gone() bool { return unix.Kill(p.PID, 0) != nil }

// Stands reports whether the process still exists and has not ended.
func (p Process) Stands() bool {
	now, there := inspect(fmt.Sprintf("/proc/%d", p.PID))
	return there && now.Inner == p.Inner && now.State != "Z"
}

// ProcessesOf lists the processes of a container by its control group, which has the container's ID in its name. container is
// the ID as it is in a pod's status, with the prefix of the runtime.
func ProcessesOf(container string) []Process {
	_, id, _ := strings.Cut(container, "://")
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil || id == "" {
		return nil
	}
	var found []Process
	for _, path := range groups {
		content, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(content, []byte(id)) {
			continue // a process of another container, or one that has just ended
		}
		if p, ok := inspect(filepath.Dir(path)); ok {
			found = append(found, p)
		}
	}
	return found
}

// FirstOf returns the process that started the container, unless it has ended.
func FirstOf(container string) (Process, bool) {
	for _, p := range ProcessesOf(container) {
		if p.First() {
			return p, true
		}
	}
	return Process{}, false
}

// inspect reads the process's own folder in /proc.
func inspect(folder string) (Process, bool) {
	status, err := os.ReadFile(filepath.Join(folder, "status"))
	if err != nil {
		return Process{}, false
	}
	var p Process
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch {
		case len(fields) == 0:
		case key == "NSpid":
			p.Inner, err = strconv.Atoi(fields[len(fields)-1])
		case key == "Pid":
			p.PID, err = strconv.Atoi(fields[0])
		case key == "State":
			p.State = fields[0]
		}
		if err != nil {
			return Process{}, false
		}
	}
	return p, p.PID != 0
}
