// Package rundir is the run directory of a step: the files that show the other containers of its pod that the step is
// running, and how it ended.
//
// The step's processes can write to its directory, because they run as the same user as its entrypoint. So no file in it
// proves that a step has ended. Two locks do; the kernel releases them when their holder ends:
//
//   - The lock of the directory is held while processes of the step may be running. A step can neither remove nor replace
//     the directory, because it is a mount point, and cannot release a lock of another process.
//   - The lock of the file Running is held while the entrypoint is running. It distinguishes an entrypoint that is about to
//     post the end from one that was killed.
//
// The entrypoint ends all other processes of its container before it releases the first lock, and posts the end after that. A
// record that exists before is forged.
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
	// Running exists, and is locked, while the entrypoint runs. If neither it nor the directory is locked and there is no
	// Status, the entrypoint was killed.
	Running = "running"
	// Status is the step's record as JSON. It is written before Out and OutErr.
	Status = "status"
	// ExitCode is the step's exit code in decimal digits.
	ExitCode = "exitCode"
	// LeftResults has the names of the results that existed when the step ended, one in each line. Without results the file
	// does not exist. It is written before Status.
	LeftResults = "left"
	// Survey is the state of the results when the step ended, in an internal format. It exists only if a step reports or
	// signs its results. It is written before Status.
	Survey = "survey"
	// Signature is the signed statement of the step about its results, as a document of package signature. Without a
	// signature the file does not exist. It is written before Status.
	Signature = "signature"
	// Out marks the end of a step after which the next one runs.
	Out = "out"
	// OutErr marks the end of a step after which the next one is skipped.
	OutErr = "out.err"
)

// maxStatus is the maximum length in bytes of a Status to read, and maxLeft that of LeftResults.
const (
	maxStatus = frame.MaxLine
	maxLeft   = 1 << 20
	// maxSurvey is the maximum length in bytes of a Survey to read. A pod cannot have as many results.
	maxSurvey = 8 << 20
	// maxSignature is the maximum length in bytes of a Signature to read.
	maxSignature = frame.MaxSignature
)

// modeFile lets all users read a file, whatever the umask is, because the sidecar is another user.
const modeFile = 0o644

// GoesOn reports whether the step after s runs.
func GoesOn(s frame.Step) bool {
	return s.Reason == frame.ReasonCompleted || s.Reason == frame.ReasonContinued ||
		s.Reason == frame.ReasonSkipped && s.ExitCode == 0
}

// Post records in dir that the step has ended and how, and which results then exist. Each file is written atomically, and the
// one that others wait for is the last.
func Post(dir string, s frame.Step, left ...string) error {
	s.Message = frame.Clip(s.Message) // Status must not exceed maxStatus
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
		return moveAway(dir, LeftResults) // the step may have created one
	}
	return write(dir, LeftResults, []byte(strings.Join(left, "\n")))
}

// Left returns the names of the results that existed when the step of dir ended. It returns none if there is no record of
// them, or an invalid one.
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

// PostSurvey writes the survey for the entrypoint of the next step. It is called before Post.
func PostSurvey(dir string, survey []byte) error {
	if err := write(dir, Survey, survey); err != nil {
		return fmt.Errorf("cannot write the survey of the results: %w", err)
	}
	return nil
}

// ReadSurvey returns the survey that PostSurvey wrote to dir.
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

// PostSignature writes the signed statement of the step. It is called before Post.
func PostSignature(dir string, document []byte) error {
	if err := write(dir, Signature, document); err != nil {
		return fmt.Errorf("cannot write the signature: %w", err)
	}
	return nil
}

// ReadSignature returns the signed statement of the step of dir. The error wraps fs.ErrNotExist if there is none.
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

// write writes a file atomically, and replaces an existing one.
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

// temp creates an empty file that all users can read, whatever the umask is, because the sidecar is another user.
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
	// A directory cannot be replaced by a file. Only the step can have created one.
	if err := moveAway(dir, name); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// moveAway frees a name in dir. It removes a file. It only renames a directory, because to remove it could take as long as
// the step that filled it wants.
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
