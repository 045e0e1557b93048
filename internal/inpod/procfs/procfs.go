// Package procfs reads from /proc the descendants of this process, and the files that they have open for writing.
package procfs

import (
	"bytes"
	"os"
	"strconv"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
)

// maxStat is the length in bytes to read of a file /proc/PID/stat: the parent follows a name of at most 64 bytes.
const maxStat = 512

// Process is a process that this process can see.
type Process struct {
	PID, Parent int
	// Name is the name of the program, at most 64 bytes. The process can change it.
	Name string
}

// Descendants returns the descendants of pid. For the first process of a process namespace these are all other processes. A
// process that ends during the call may be missing.
func Descendants(pid int) []Process {
	all := list()
	if pid == 1 {
		return except(all, pid)
	}
	children := map[int][]Process{}
	for _, p := range all {
		children[p.Parent] = append(children[p.Parent], p)
	}
	var found []Process
	seen := map[int]bool{pid: true} // identifiers can be reused while the list is built
	for pending := children[pid]; len(pending) > 0; {
		p := pending[0]
		pending = pending[1:]
		if seen[p.PID] {
			continue
		}
		seen[p.PID] = true
		found = append(found, p)
		pending = append(pending, children[p.PID]...)
	}
	return found
}

func except(all []Process, pid int) []Process {
	var others []Process
	for _, p := range all {
		if p.PID != pid {
			others = append(others, p)
		}
	}
	return others
}

// list returns the processes that this process can see.
func list() []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := securefile.ReadHead("/proc/"+e.Name()+"/stat", maxStat)
		if err != nil {
			continue // it has ended
		}
		if p, ok := parseStat(stat); ok {
			p.PID = pid
			all = append(all, p)
		}
	}
	return all
}

// parseStat returns the parent and the name in a file /proc/PID/stat: "PID (NAME) STATE PARENT …". The name may contain any
// character.
func parseStat(stat []byte) (Process, bool) {
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	begin := bytes.IndexByte(stat, '(')
	if len(fields) < 2 || begin < 0 || begin > end {
		return Process{}, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return Process{Parent: parent, Name: string(stat[begin+1 : end])}, err == nil
}
