// Package breakpoint pauses a step until its user runs one of the commands for that in the step's container.
package breakpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/securefile"
)

// Dir is the directory of the folders scripts and info in a step's container.
const Dir = "/tekton/debug"

// Answer is a user's answer at a breakpoint, and the name of its command.
type Answer string

// The answers: two for each kind of breakpoint.
const (
	// Continue treats a failed step as one that may fail.
	Continue Answer = "debug-continue"
	// FailContinue lets a failed step fail.
	FailContinue Answer = "debug-fail-continue"
	// BeforeContinue starts a step that has not started.
	BeforeContinue Answer = "debug-beforestep-continue"
	// BeforeFail fails a step that has not started.
	BeforeFail Answer = "debug-beforestep-fail-continue"
)

// Answers lists all of them.
func Answers() []Answer { return []Answer{Continue, FailContinue, BeforeContinue, BeforeFail} }

// The names of files and folders in the directory of breakpoints.
const (
	scripts = "scripts"
	info    = "info"
	answer  = "answer"
)

// Place creates the commands, and the folder with the step's position. Each command is this program under another name, so
// the image needs no shell.
func Place(dir, position, program string) error {
	for _, made := range []string{filepath.Join(dir, info, position), filepath.Join(dir, scripts)} {
		if err := securefile.MakeDirs(made, 0o755); err != nil {
			return fmt.Errorf("cannot create breakpoints: %w", err)
		}
	}
	for _, a := range Answers() {
		if err := os.Symlink(program, filepath.Join(dir, scripts, string(a))); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot create breakpoints: %w", err)
		}
	}
	return nil
}

// Wait returns the user's answer, one of accepted, or false if asked is closed before.
func Wait(dir string, asked <-chan struct{}, accepted ...Answer) (Answer, bool) {
	watch := rundir.Watch(dir)
	defer watch.Close()
	for {
		if a := take(dir); slices.Contains(accepted, a) {
			return a, true
		}
		if !watch.Wait(asked) {
			return "", false
		}
	}
}

// take returns the answer in dir and removes it, because it is for one breakpoint.
func take(dir string) Answer {
	root, err := securefile.OpenRoot(dir)
	if err != nil {
		return ""
	}
	defer root.Close() //nolint:errcheck // it was only read
	path := filepath.Join(dir, answer)
	text, err := root.Read(path, 64, &securefile.Buffer{})
	if err != nil {
		return ""
	}
	if err := os.Remove(path); err != nil {
		return ""
	}
	return Answer(text)
}

// Command returns the answer of a program with this name, if it is the name of one, and the directory of its breakpoints.
func Command(program string) (a Answer, dir string, ok bool) {
	a = Answer(filepath.Base(program))
	if !slices.Contains(Answers(), a) {
		return "", "", false
	}
	if !strings.Contains(program, "/") {
		return a, Dir, true // found through PATH
	}
	path, err := filepath.Abs(program)
	if err != nil {
		return a, Dir, true
	}
	return a, filepath.Dir(filepath.Dir(path)), true
}

// Give gives an answer to the step that waits in dir.
func Give(dir string, a Answer) error {
	if err := securefile.Replace(filepath.Join(dir, answer), []byte(a), 0o600, 0); err != nil {
		return fmt.Errorf("cannot answer: %w", err)
	}
	return nil
}
