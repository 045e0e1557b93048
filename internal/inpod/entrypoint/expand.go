package entrypoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
)

// needed reports whether all conditions are true, and otherwise names the first one that is not.
func (o Options) needed(e *stepresult.Expander) (bool, string, error) {
	for i, c := range o.Conditions {
		holds, err := c.Holds(e)
		if err != nil {
			return false, "", cannotStart(exitNotExecutable, "cannot evaluate when[%d]: %w", i, err)
		}
		if !holds {
			return false, fmt.Sprintf("when[%d] is false", i), nil
		}
	}
	return true, "", nil
}

// relativeTo is the base of a working directory that is relative after expansion.
const relativeTo = "/workspace"

// expanded returns o with the results of earlier steps instead of their tokens in the command and the working directory. It
// also sets them in this process's environment, which the command inherits.
func (o Options) expanded(e *stepresult.Expander) (Options, error) {
	if len(o.References) == 0 {
		return o, nil
	}
	command, err := e.List(o.Command)
	if err != nil {
		return o, cannotStart(exitNotExecutable, "%w", err)
	}
	if len(command) == 0 {
		return o, cannotStart(exitNotExecutable, "cannot run the command: it is an empty array")
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

// noZero returns an error for a zero byte, for which the kernel's error would be unclear.
func noZero(what, text string) error {
	if strings.IndexByte(text, 0) < 0 {
		return nil
	}
	return cannotStart(exitNotExecutable,
		"cannot use a result of an earlier step in %s: it has a zero byte; use the result in a script", what)
}
