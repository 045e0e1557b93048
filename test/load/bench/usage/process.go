// Package usage reads the resources that the machine, the API server and a controller have used. Memory and processor time
// come from /proc, so they are available only if the cluster's processes run on this machine, as with localkube.
package usage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticks is the number of ticks per second in /proc, on every architecture that Go supports.
const ticks = 100

// Process is a process on this machine, by its number.
type Process int

// Find returns the process of a container on this machine by the container's ID. It is the process in its control group with
// the lowest number, because that one started first.
func Find(container string) (Process, error) {
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return 0, err
	}
	found := Process(0)
	for _, path := range groups {
		group, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(group, []byte(container)) {
			continue // it has ended since, or is another process
		}
		number, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && (found == 0 || Process(number) < found) {
			found = Process(number)
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("cannot find the process of container %q on this machine", container)
	}
	return found, nil
}

// Processor returns the processor time of the process, in user and in system mode, in seconds.
func (p Process) Processor() (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		return 0, fmt.Errorf("cannot read processor time: %w", err)
	}
	return processor(string(stat))
}

// processor parses /proc/PID/stat. The second field is a name in parentheses, which may contain spaces and parentheses. User
// and system time are the 14th and 15th field.
func processor(stat string) (float64, error) {
	const first, user, system = 3, 14, 15
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= system-first {
		return 0, errors.New("cannot read processor time: the line is too short")
	}
	total := 0
	for _, i := range []int{user - first, system - first} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, fmt.Errorf("cannot read processor time: %w", err)
		}
		total += n
	}
	return float64(total) / ticks, nil
}

// Machine returns the time for which all processors of the machine were busy, in seconds.
func Machine() (float64, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read processor time of the machine: %w", err)
	}
	return machine(string(stat))
}

// machine parses the first line of /proc/stat: all times except idle and waiting for a disk. The guests' times, at the end of
// the line, are already in the time of user mode.
func machine(stat string) (float64, error) {
	const idle, waiting, guests = 3, 4, 8
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 2 || fields[0] != "cpu" {
		return 0, fmt.Errorf("cannot read processor time of the machine: %q", line)
	}
	busy := 0
	for i, field := range fields[1:] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("cannot read processor time of the machine: %w", err)
		}
		if i != idle && i != waiting && i < guests {
			busy += n
		}
	}
	return float64(busy) / ticks, nil
}

// Memory holds the current and the peak resident memory of a process, in bytes.
type Memory struct{ Resident, Peak int64 }

// Memory reads the memory of the process.
func (p Process) Memory() (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return Memory{}, fmt.Errorf("cannot read memory: %w", err)
	}
	return memory(string(status))
}

// ResetPeak sets the peak to the current resident memory: 5 in clear_refs resets VmHWM.
func (p Process) ResetPeak() error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p), []byte("5"), 0o200); err != nil {
		return fmt.Errorf("cannot reset peak memory: %w", err)
	}
	return nil
}

func memory(status string) (Memory, error) {
	var m Memory
	for name, size := range map[string]*int64{"VmRSS:": &m.Resident, "VmHWM:": &m.Peak} {
		_, rest, ok := strings.Cut(status, name)
		fields := strings.Fields(rest)
		if !ok || len(fields) == 0 {
			return Memory{}, fmt.Errorf("cannot read memory: there is no %s", name)
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("cannot read memory: %w", err)
		}
		*size = kib << 10
	}
	return m, nil
}
