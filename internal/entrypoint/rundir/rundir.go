// Package rundir is a step's run directory: the files by which a step tells the other containers of its pod that it
// runs, and how it ended.
//
// A step's own processes can write to its directory. What they put there can lie about that step alone, and a file
// "out" that a step makes itself does not end the step: only a status record does, and the entrypoint replaces
// whatever was there when the step ends.
package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/results/emit/regular"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// The files of a run directory.
const (
	// Running is there, and locked, as long as the entrypoint lives: when nobody holds the lock any more and there is
	// no Status, the entrypoint was killed.
	Running = "running"
	// Status is the step's record as JSON. It comes before Out and OutErr.
	Status = "status"
	// ExitCode is the step's exit code in decimal digits.
	ExitCode = "exitCode"
	// LeftResults are the names of the results that were there when the step ended, one a line; without any there is no
	// such file. It comes before Status.
	LeftResults = "left"
	// Signature is what the step has signed of its results, as a document of the package signature; without a signature
	// there is no such file. It comes before Status.
	Signature = "signature"
	// Out ends a step after which the next one goes on.
	Out = "out"
	// OutErr ends a step after which the next one is skipped.
	OutErr = "out.err"
)

// maxStatus is the length of the longest Status that is read, in bytes, and maxLeft that of the longest LeftResults.
const (
	maxStatus = frame.MaxLine
	maxLeft   = 1 << 20
	// maxSignature is the length of the longest Signature that is read, in bytes.
	maxSignature = frame.MaxSignature
)

// State says where a step stands.
type State int

// The states of a step.
const (
	// Waiting: the step has not ended, or not begun.
	Waiting State = iota
	// Ended: the step has ended, and left its record.
	Ended
	// Lost: the step's entrypoint was killed, and left no record.
	Lost
	// Hidden: whatever the step leaves cannot be seen, at least by this process's user. Another may see that it completed.
	Hidden
)

// GoesOn says whether the step after s runs.
func GoesOn(s frame.Step) bool {
	return s.Reason == frame.ReasonCompleted || s.Reason == frame.ReasonContinued ||
		s.Reason == frame.ReasonSkipped && s.ExitCode == 0
}

// Hold says in dir that a step runs, from now until the process ends or the returned file is closed.
func Hold(dir string) (*os.File, error) {
	f, err := temp(dir, Running)
	if err != nil {
		return nil, fmt.Errorf("cannot hold run directory %q: %w", dir, err)
	}
	// The lock comes before the name, so that nobody ever sees the file unlocked while this process lives.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot lock run directory %q: %w", dir, err)
	}
	if err := place(f, dir, Running); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("cannot hold run directory %q: %w", dir, err)
	}
	return f, nil
}

// Post says in dir that the step has ended and how, and which results were there then. Each file appears whole, and the
// one that others wait for last.
func Post(dir string, s frame.Step, left ...string) error {
	s.Message = frame.Clip(s.Message) // so that Status is never longer than what is read of it
	status, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("cannot encode the record of step %q: %w", s.Name, err)
	}
	if err := postLeft(dir, left); err != nil {
		return fmt.Errorf("cannot record the results of step %q: %w", s.Name, err)
	}
	end, other := OutErr, Out
	if GoesOn(s) {
		end, other = Out, OutErr
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{
		{ExitCode, strconv.AppendInt(nil, int64(s.ExitCode), 10)},
		{Status, status},
		{end, nil},
	} {
		if err := write(dir, file.name, file.content); err != nil {
			return fmt.Errorf("cannot record the end of step %q: %w", s.Name, err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, other)); err != nil {
		return fmt.Errorf("cannot record the end of step %q: %w", s.Name, err)
	}
	return nil
}

func postLeft(dir string, left []string) error {
	if len(left) == 0 {
		return os.RemoveAll(filepath.Join(dir, LeftResults)) // the step itself may have made one
	}
	return write(dir, LeftResults, []byte(strings.Join(left, "\n")))
}

// Left returns the names of the results that were there when the step of dir ended; none when the step left no such
// record, or one that makes no sense.
func Left(dir string) []string {
	root, err := regular.OpenRoot(dir)
	if err != nil {
		return nil
	}
	defer root.Close() //nolint:errcheck // it was only read
	names, err := root.Read(filepath.Join(dir, LeftResults), maxLeft, &regular.Buffer{})
	if err != nil || len(names) == 0 {
		return nil
	}
	return strings.Split(string(names), "\n")
}

// PostSignature leaves in dir what the step has signed; it comes before Post.
func PostSignature(dir string, document []byte) error {
	if err := write(dir, Signature, document); err != nil {
		return fmt.Errorf("cannot leave the signature: %w", err)
	}
	return nil
}

// ReadSignature returns what the step of dir has signed. The error wraps fs.ErrNotExist when there is nothing.
func ReadSignature(dir string) ([]byte, error) {
	root, err := regular.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the signature: %w", err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	document, err := root.Read(filepath.Join(dir, Signature), maxSignature, &regular.Buffer{})
	if err != nil {
		return nil, fmt.Errorf("cannot read the signature: %w", err)
	}
	return document, nil
}

// Look returns where the step of dir stands, and its record once it has ended, is lost or hidden. A directory that is not there
// yet is that of a step that has not begun.
func Look(dir string) (State, frame.Step) {
	root, err := regular.OpenRoot(dir)
	if errors.Is(err, fs.ErrPermission) {
		// Everybody may look into it when the pod begins. To wait until that is so again could be to wait for ever.
		return Hidden, lost("the step's run directory cannot be looked into any more: " + err.Error())
	}
	if err != nil {
		return Waiting, frame.Step{}
	}
	defer root.Close() //nolint:errcheck // it was only read
	// The lock comes first: an entrypoint that ends between the two looks has left its record by then.
	abandoned := abandoned(dir)
	if s, ok := status(root, dir); ok {
		return Ended, s
	}
	if abandoned {
		return Lost, lost("the step's entrypoint was killed before it could record how the step ended")
	}
	return Waiting, frame.Step{}
}

// lost is the record of a step that left none. Who knows its name and the time puts them in.
func lost(message string) frame.Step {
	return frame.Step{ExitCode: frame.LostExitCode, Reason: frame.ReasonLost, Message: message}
}

// status returns the record of a step that has ended.
func status(root *regular.Root, dir string) (frame.Step, bool) {
	if !exists(dir, Out) && !exists(dir, OutErr) {
		return frame.Step{}, false
	}
	b, err := root.Read(filepath.Join(dir, Status), maxStatus, &regular.Buffer{})
	if err != nil {
		return frame.Step{}, false
	}
	var s frame.Step
	// What a step forged must not be what nobody can hand on.
	if err := json.Unmarshal(b, &s); err != nil || frame.ValidStep(s) != nil {
		return frame.Step{}, false
	}
	return s, true
}

// abandoned says whether a step has begun whose entrypoint lives no more.
func abandoned(dir string) bool {
	const flags = syscall.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	fd, err := syscall.Open(filepath.Join(dir, Running), flags, 0)
	if err != nil {
		return false
	}
	// Closing the file also gives back the lock, which was only taken to see whether it can be.
	defer syscall.Close(fd) //nolint:errcheck // it was only read
	return syscall.Flock(fd, syscall.LOCK_SH|syscall.LOCK_NB) == nil
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// write makes a file appear whole, in place of whatever has its name.
func write(dir, name string, content []byte) error {
	f, err := temp(dir, name)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = place(f, dir, name)
	}
	return errors.Join(err, f.Close())
}

// temp makes an empty file that everybody can read, whatever the umask is: the sidecar is another user.
func temp(dir, name string) (*os.File, error) {
	path := tempPath(dir, name)
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o644); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// place gives a file of temp its name.
func place(f *os.File, dir, name string) error {
	path := filepath.Join(dir, name)
	err := os.Rename(f.Name(), path)
	if err == nil {
		return nil
	}
	// A directory cannot be replaced by a file. Only the step itself can have made one.
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func tempPath(dir, name string) string { return filepath.Join(dir, "."+name+".new") }
