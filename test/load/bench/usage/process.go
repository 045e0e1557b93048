// Package usage reads what the machine, the API server and a controller have used. Memory and processor time come from
// /proc, so they are known where the cluster's processes are this machine's, as on localkube.
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

// ticks are those of a second in /proc, on every architecture that Go runs on.
const ticks = 100

// Process is one process on this machine, by its number.
type Process int

// Find returns the process of a container that runs on this machine, by the container's ID: the one in its control group
// with the lowest number, because that was there first.
func Find(container string) (Process, error) {
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return 0, err
	}
	found := Process(0)
	for _, path := range groups {
		group, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(group, []byte(container)) {
			continue // it has ended meanwhile, or is another
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

// Processor is the time that the process has used, in user and in system mode, in seconds.
func (p Process) Processor() (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		return 0, fmt.Errorf("cannot read processor time: %w", err)
	}
	return processor(string(stat))
}

// processor reads the line in /proc/PID/stat. The second field is a name in brackets, which may hold blanks and brackets;
// user and system time are the 14th and 15th.
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

// Machine is the time that all processors of the machine have been busy, in seconds.
func Machine() (float64, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read processor time of the machine: %w", err)
	}
	return machine(string(stat))
}

// machine reads the first line of /proc/stat: all but idle and waiting for a disk. What guests used is a part of what user
// mode used, and comes at the end.
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

// Memory is what a process has and had resident, in bytes.
type Memory struct{ Resident, Peak int64 }

// Memory reads it.
func (p Process) Memory() (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return Memory{}, fmt.Errorf("cannot read memory: %w", err)
	}
	return memory(string(status))
}

// ResetPeak makes the most that was resident what is resident now: 5 in clear_refs resets VmHWM.
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
