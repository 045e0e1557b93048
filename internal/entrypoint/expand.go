package entrypoint

import (
	"os"
	"strings"

	"github.com/sluice-ci/sluice/internal/entrypoint/reference"
)

// expanded returns o with results of earlier steps in the place of their tokens in the command, and puts them into this
// process's environment, which the command inherits.
func (o Options) expanded(e *reference.Expander) (Options, error) {
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
	return o, expandEnvironment(e)
}

func expandEnvironment(e *reference.Expander) error {
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
	return cannotStart(exitNotExecutable, "cannot put a result of an earlier step into %s: it holds a zero byte, which only a script can", what)
}
