package entrypoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/procfs"
	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// lookPatience is the maximum time to inspect the open files of processes. One of them may be on a file system that does not
// respond.
const lookPatience = time.Second

// endLeftovers ends the processes that the command left running, and returns the record of the step. If a process is killed
// while it writes a result, a partial result remains that looks complete. The step then fails.
func (o Options) endLeftovers(procs *processes, step frame.Step, stderr io.Writer) frame.Step {
	var before []fileState
	var incompleteResult error
	killed, err := procs.endAll(func() {
		before = states(o.Results)
		incompleteResult = o.beingWritten(procfs.Descendants(os.Getpid()))
	})
	switch {
	case err != nil:
		complain(stderr, err)
	case killed:
		complain(stderr, errKilled)
	}
	if killed && incompleteResult == nil {
		incompleteResult = o.changed(before, states(o.Results))
	}
	if incompleteResult == nil {
		return step
	}
	complain(stderr, incompleteResult)
	if !rundir.GoesOn(step) {
		return step // it has failed, with a cause
	}
	return incomplete(step, incompleteResult)
}

// mayBeIncomplete returns the error for a step whose result may be partial.
func mayBeIncomplete(result, why string) error {
	return fmt.Errorf("result %q may be incomplete: %s %s after the command ended; let the step wait for its background processes",
		result, why, leftoverGrace)
}

// beingWritten returns an error with the first result that one of the processes writes, or may write.
func (o Options) beingWritten(leftovers []procfs.Process) error {
	for _, r := range o.Results {
		writes, err := hasWriter(r.Path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, securefile.ErrNotRegular) || !writes && err == nil {
			continue
		}
		// Either a process writes it, or the kernel does not know.
		found, lookErr := writer(leftovers, r.Path)
		switch {
		case found != nil:
			return mayBeIncomplete(r.Name, fmt.Sprintf("process %d (%q) had it open for writing when it was killed,", found.PID, found.Name))
		case writes:
			return mayBeIncomplete(r.Name, "a background process of the step had it open for writing when it was killed,")
		case lookErr != nil:
			return mayBeIncomplete(r.Name,
				fmt.Sprintf("cannot determine whether a background process had it open for writing when it was killed (%v; %v),", err, lookErr))
		}
	}
	return nil
}

func hasWriter(path string) (bool, error) {
	root, err := securefile.OpenRoot(filepath.Dir(path))
	if err != nil {
		return false, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	return root.HasWriter(path)
}

// writer returns the first process that has the file at path open for writing. An error means that there may be one that
// could not be inspected.
func writer(among []procfs.Process, path string) (*procfs.Process, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	file, ok := procfs.FileOf(info)
	if !ok {
		return nil, fmt.Errorf("cannot identify the file %q", path)
	}
	type answer struct {
		found *procfs.Process
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		var hidden error
		for _, p := range among {
			writes, err := procfs.Writes(p.PID, file)
			if writes {
				answers <- answer{found: &p}
				return
			}
			if err != nil {
				hidden = err
			}
		}
		answers <- answer{err: hidden}
	}()
	timer := time.NewTimer(lookPatience)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.found, a.err
	case <-timer.C:
		return nil, fmt.Errorf("no response within %s", lookPatience)
	}
}

// fileState is the state of a path at one time. The zero value means no file, or no regular file.
type fileState struct {
	file  procfs.File
	size  int64
	times [2]syscall.Timespec
}

// states returns the states of the paths of results.
func states(list []results.File) []fileState {
	found := make([]fileState, len(list))
	for i, r := range list {
		info, err := os.Lstat(r.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			file, _ := procfs.FileOf(info)
			found[i] = fileState{file: file, size: st.Size, times: [2]syscall.Timespec{st.Mtim, st.Ctim}}
		}
	}
	return found
}

// changed returns an error with the first result that has changed since before the processes were killed, because one of them
// started to write it in between.
func (o Options) changed(before, after []fileState) error {
	for i, r := range o.Results {
		if after[i] != before[i] {
			return mayBeIncomplete(r.Name, "a background process of the step wrote it while the process was killed,")
		}
	}
	return nil
}

// resultAt returns the name of the result with the file f.
func resultAt(list []results.File, f *os.File) (string, bool) {
	own, err := f.Stat()
	if err != nil {
		return "", false
	}
	for _, r := range list {
		if info, err := os.Lstat(r.Path); err == nil && os.SameFile(own, info) {
			return r.Name, true
		}
	}
	return "", false
}
