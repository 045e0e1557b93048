package entrypoint

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results"
)

// outputs are the destinations of the command's standard output and error: those of this process, and additional files.
type outputs struct {
	tees  []*tee
	files []*os.File
	// results are those of the step, because a file may be one of them.
	results []results.File
}

// openOutputs opens the files for the step's output. The working directory must be set before. Several steps may append to
// the same file, so existing content may be from another step.
func (o Options) openOutputs() (*outputs, error) {
	out := &outputs{results: o.Results}
	opened := map[string]*os.File{}
	for _, stream := range []struct {
		path string
		log  *os.File
	}{{o.Stdout, os.Stdout}, {o.Stderr, os.Stderr}} {
		if stream.path == "" {
			out.tees = append(out.tees, nil)
			continue
		}
		path := filepath.Clean(stream.path)
		file, ok := opened[path]
		if !ok {
			var err error
			if file, err = securefile.Append(path, 0o666); err != nil {
				return nil, cannotStart(exitNotExecutable, "cannot write the output to %q: %w", path, err)
			}
			opened[path] = file
			out.files = append(out.files, file)
		}
		t, err := newTee(file, stream.log)
		if err != nil {
			return nil, cannotStart(exitNotExecutable, "cannot write the output to %q: %w", path, err)
		}
		out.tees = append(out.tees, t)
	}
	return out, nil
}

// descriptors returns the descriptors of the command's standard output and error.
func (o *outputs) descriptors() (stdout, stderr uintptr) {
	stdout, stderr = uintptr(syscall.Stdout), uintptr(syscall.Stderr)
	if t := o.tees[0]; t != nil {
		stdout = t.write.Fd()
	}
	if t := o.tees[1]; t != nil {
		stderr = t.write.Fd()
	}
	return stdout, stderr
}

// started closes this process's copies of the command's ends of the pipes, so that the end of the command closes the pipes.
func (o *outputs) started() {
	for _, t := range o.tees {
		if t != nil {
			_ = t.write.Close() // nothing was written through this descriptor
		}
	}
}

// finish returns after everything that was written before the call is in the files. Later output of other processes is
// dropped. An error means that a file is incomplete, or that a result may be.
func (o *outputs) finish() error {
	var err error
	for _, t := range o.tees {
		if t == nil {
			continue
		}
		err = errors.Join(err, t.finish())
		if name, ok := resultAt(o.results, t.file); ok && !t.ended {
			err = errors.Join(err, mayBeIncomplete(name,
				"a background process of the step could still write to the step's output, which goes there,"))
		}
	}
	for _, f := range o.files {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("cannot write all output: %w", err)
	}
	return nil
}

// tee copies the output of a pipe to a file and to a log.
type tee struct {
	read, write *os.File
	file        *os.File
	log         io.Writer
	copied      sync.WaitGroup
	// err is the first error of writing to the file. It is read after the copying.
	err error
	// ended reports that no process could write to the pipe any more when it was last read.
	ended bool
}

func newTee(file, log *os.File) (*tee, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t := &tee{read: read, write: write, file: file, log: log}
	t.copied.Go(t.copy)
	return t, nil
}

// copy returns at the end of the pipe, or when finish stops it.
func (t *tee) copy() {
	buf := make([]byte, 32<<10)
	for {
		n, err := t.read.Read(buf)
		t.put(buf[:n])
		if err != nil {
			return
		}
	}
}

// put continues to write to the log after the file has failed.
func (t *tee) put(b []byte) {
	if len(b) == 0 {
		return
	}
	if t.err == nil {
		_, t.err = t.file.Write(b)
	}
	_, _ = t.log.Write(b) // the log may have no reader
}

// finish reads what is in the pipe now. The pipe may have many writers, and one of them may never end.
func (t *tee) finish() error {
	_ = t.read.SetReadDeadline(time.Now()) // pipes support deadlines
	t.copied.Wait()
	_ = t.read.SetReadDeadline(time.Time{})
	raw, err := t.read.SyscallConn()
	if err == nil {
		err = raw.Read(func(fd uintptr) bool {
			t.drain(int(fd))
			return true // done, even if more data comes
		})
	}
	return errors.Join(t.err, err, t.read.Close())
}

// maxPipe is the maximum capacity of a pipe in bytes: it held no more when the command ended.
const maxPipe = 1 << 20

// drain reads without waiting.
func (t *tee) drain(fd int) {
	buf := make([]byte, 32<<10)
	for left := maxPipe; left > 0; {
		n, err := syscall.Read(fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 {
			t.ended = n == 0
			return
		}
		t.put(buf[:n])
		left -= n
	}
}
