// Package breakpoint holds a step until its user says how to go on, by one of the commands that lie in the step's
// container for that.
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

// Dir is where the folders scripts and info are in a step's container.
const Dir = "/tekton/debug"

// Answer is what a user says at a breakpoint, and the name of the command that says it.
type Answer string

// The answers: two for each kind of breakpoint.
const (
	// Continue takes a step that failed for one that may.
	Continue Answer = "debug-continue"
	// FailContinue lets a step that failed be failed.
	FailContinue Answer = "debug-fail-continue"
	// BeforeContinue lets a step run that has not begun.
	BeforeContinue Answer = "debug-beforestep-continue"
	// BeforeFail lets a step fail that has not begun.
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

// Place makes the commands and the folder that tells the step's position. Each command is the program itself under
// another name: an image needs no shell for it.
func Place(dir, position, program string) error {
	for _, made := range []string{filepath.Join(dir, info, position), filepath.Join(dir, scripts)} {
		if err := securefile.MakeDirs(made, 0o755); err != nil {
			return fmt.Errorf("cannot make breakpoints: %w", err)
		}
	}
	for _, a := range Answers() {
		if err := os.Symlink(program, filepath.Join(dir, scripts, string(a))); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot make breakpoints: %w", err)
		}
	}
	return nil
}

// Wait returns which of the accepted answers the user gave, or false when asked is closed before.
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

// take returns the answer that lies in dir, and takes it away: it is for one breakpoint.
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

// Command returns the answer that a program of this name gives, if it was started under the name of one, and the
// directory of the breakpoints that it lies in.
func Command(program string) (a Answer, dir string, ok bool) {
	a = Answer(filepath.Base(program))
	if !slices.Contains(Answers(), a) {
		return "", "", false
	}
	if !strings.Contains(program, "/") {
		return a, Dir, true // found in PATH
	}
	path, err := filepath.Abs(program)
	if err != nil {
		return a, Dir, true
	}
	return a, filepath.Dir(filepath.Dir(path)), true
}

// Give gives an answer to the step that waits for it in dir.
func Give(dir string, a Answer) error {
	if err := securefile.Replace(filepath.Join(dir, answer), []byte(a), 0o600, 0); err != nil {
		return fmt.Errorf("cannot answer: %w", err)
	}
	return nil
}
