package entrypoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
)

// needed says whether all conditions hold, and else which one does not.
func (o Options) needed(e *stepresult.Expander) (bool, string, error) {
	for i, c := range o.Conditions {
		holds, err := c.Holds(e)
		if err != nil {
			return false, "", cannotStart(exitNotExecutable, "cannot evaluate when[%d]: %w", i, err)
		}
		if !holds {
			return false, fmt.Sprintf("when[%d] does not hold", i), nil
		}
	}
	return true, "", nil
}

// relativeTo is where a working directory begins that is relative once it is known.
const relativeTo = "/workspace"

// expanded returns o with results of earlier steps in the place of their tokens in the command and the working directory,
// and puts them into this process's environment, which the command inherits.
func (o Options) expanded(e *stepresult.Expander) (Options, error) {
	if len(o.References) == 0 {
		return o, nil
	}
	command, err := e.List(o.Command)
	if err != nil {
		return o, cannotStart(exitNotExecutable, "%w", err)
	}
	if len(command) == 0 {
		return o, cannotStart(exitNotExecutable, "cannot run a command that is nothing but an empty array")
	}
	for _, arg := range command {
		if err := noZero("an argument", arg); err != nil {
			return o, err
		}
	}
	o.Command = command
	if o.WorkDir, err = e.Text(o.WorkDir); err != nil {
		return o, cannotStart(exitNotExecutable, "%w", err)
	}
	if o.WorkDir != "" && !filepath.IsAbs(o.WorkDir) {
		o.WorkDir = filepath.Join(relativeTo, o.WorkDir)
	}
	return o, expandEnvironment(e)
}

func expandEnvironment(e *stepresult.Expander) error {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		text, err := e.Text(value)
		if err != nil {
			return cannotStart(exitNotExecutable, "cannot set variable %q: %w", name, err)
		}
		if text == value {
			continue
		}
		if err := noZero("variable "+name, text); err != nil {
			return err
		}
		if err := os.Setenv(name, text); err != nil {
			return cannotStart(exitNotExecutable, "cannot set variable %q: %w", name, err)
		}
	}
	return nil
}

// noZero refuses what the kernel would refuse with a message that says nothing.
func noZero(what, text string) error {
	if strings.IndexByte(text, 0) < 0 {
		return nil
	}
	return cannotStart(exitNotExecutable,
		"cannot put a result of an earlier step into %s: it holds a zero byte, which only a script can", what)
}
