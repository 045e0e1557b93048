// Package rundir is a step's run directory: the files by which a step tells the other containers of its pod that it
// runs, and how it ended.
//
// A step's own processes can write to its directory, as the same user as its entrypoint. So no file there proves that a
// step has ended. Two locks do, which the kernel frees when their holder dies:
//
//   - The lock of the directory itself is held while processes of the step may live. A step can neither remove nor replace
//     the directory, because it is a mount point, and cannot free a lock that another process holds.
//   - The lock of the file Running is held while the entrypoint lives. It tells an entrypoint that is about to post the end
//     from one that was killed.
//
// The entrypoint ends all other processes of its container before it frees the first lock, and posts the end after that.
// A record that is there before is forged.
package rundir

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// The files of a run directory.
const (
	// Running is there, and locked, as long as the entrypoint lives: when neither it nor the directory is locked and
	// there is no Status, the entrypoint was killed.
	Running = "running"
	// Status is the step's record as JSON. It comes before Out and OutErr.
	Status = "status"
	// ExitCode is the step's exit code in decimal digits.
	ExitCode = "exitCode"
	// LeftResults are the names of the results that were there when the step ended, one a line; without any there is no
	// such file. It comes before Status.
	LeftResults = "left"
	// Survey is what was at the paths of the results when the step ended, in the entrypoint's own form; only where a step
	// reports or signs its results. It comes before Status.
	Survey = "survey"
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
	// maxSurvey is the length of the longest Survey that is read, in bytes: a pod has no room for as many results.
	maxSurvey = 8 << 20
	// maxSignature is the length of the longest Signature that is read, in bytes.
	maxSignature = frame.MaxSignature
)

// modeFile lets everybody read a file, whatever the umask is: the sidecar is another user.
const modeFile = 0o644

// GoesOn says whether the step after s runs.
func GoesOn(s frame.Step) bool {
	return s.Reason == frame.ReasonCompleted || s.Reason == frame.ReasonContinued ||
		s.Reason == frame.ReasonSkipped && s.ExitCode == 0
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
	if err := moveAway(dir, other); err != nil {
		return fmt.Errorf("cannot record the end of step %q: %w", s.Name, err)
	}
	return nil
}

func postLeft(dir string, left []string) error {
	if len(left) == 0 {
		return moveAway(dir, LeftResults) // the step itself may have made one
	}
	return write(dir, LeftResults, []byte(strings.Join(left, "\n")))
}

// Left returns the names of the results that were there when the step of dir ended; none when the step left no such
// record, or one that makes no sense.
func Left(dir string) []string {
	root, err := securefile.OpenRoot(dir)
	if err != nil {
		return nil
	}
	defer root.Close() //nolint:errcheck // it was only read
	names, err := root.Read(filepath.Join(dir, LeftResults), maxLeft, &securefile.Buffer{})
	if err != nil || len(names) == 0 {
		return nil
	}
	return strings.Split(string(names), "\n")
}

// PostSurvey leaves in dir what the entrypoint of the next step compares with; it comes before Post.
func PostSurvey(dir string, survey []byte) error {
	if err := write(dir, Survey, survey); err != nil {
		return fmt.Errorf("cannot leave the survey of the results: %w", err)
	}
	return nil
}

// ReadSurvey returns what the step of dir left by PostSurvey.
func ReadSurvey(dir string) ([]byte, error) {
	root, err := securefile.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the survey of the results: %w", err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	survey, err := root.Read(filepath.Join(dir, Survey), maxSurvey, &securefile.Buffer{})
	if err != nil {
		return nil, fmt.Errorf("cannot read the survey of the results: %w", err)
	}
	return survey, nil
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
	root, err := securefile.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the signature: %w", err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	document, err := root.Read(filepath.Join(dir, Signature), maxSignature, &securefile.Buffer{})
	if err != nil {
		return nil, fmt.Errorf("cannot read the signature: %w", err)
	}
	return document, nil
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
	if err := moveAway(dir, filepath.Base(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, modeFile)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(modeFile); err != nil {
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
	if err := moveAway(dir, name); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// moveAway frees a name in dir. A file is removed. A directory gets another name, since to remove it takes as long as
// the step that made it likes.
func moveAway(dir, name string) error {
	path := filepath.Join(dir, name)
	err := syscall.Unlink(path)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.EISDIR) && !errors.Is(err, syscall.EPERM):
		return &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	return os.Rename(path, filepath.Join(dir, "."+name+".away-"+rand.Text()))
}

func tempPath(dir, name string) string { return filepath.Join(dir, "."+name+".new") }
