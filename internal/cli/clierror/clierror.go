// Package clierror is what a command of sluice returns when it cannot do, or did not get, what it was asked for: an error
// with the hints that go with it, and the status that the process ends with.
package clierror

import (
	"errors"
	"fmt"
)

// Code is the exit status of the process. Scripts rely on these numbers: they are in the documentation of every command.
type Code int

// The codes.
const (
	// Success: what was asked for was done; a run that was waited for succeeded.
	Success Code = 0
	// RunFailed: a run that was waited for, or asked about, has not succeeded; a check has found something.
	RunFailed Code = 1
	// Unusable: the command was not used as it has to be, or could not do its work.
	Unusable Code = 2
	// Interrupted: the user ended the command (128 and the number of SIGINT, as shells have it).
	Interrupted Code = 130
)

// ErrQuiet stands for an outcome of which everything has been said already: nothing is printed for it.
var ErrQuiet = errors.New("everything has been said")

// Error is an error with what to do about it.
type Error struct {
	// Err is what went wrong; ErrQuiet prints nothing.
	Err error
	// Hints are sentences, or commands, that help. None is allowed.
	Hints []string
	// Code is the exit status; Success is taken for Unusable, as no error is a success.
	Code Code
}

// Error is the text of what went wrong, without hints.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error with the given text and hints, and the exit status Unusable.
func New(text string, hints ...string) error {
	return &Error{Err: errors.New(text), Hints: hints, Code: Unusable}
}

// Hint adds hints to err. The exit status stays what it was. It returns nil for nil.
func Hint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Hints: hints, Code: CodeOf(err)}
}

// Usage returns an error for a command that was not used as it has to be; its hint is where to read how.
func Usage(command, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hints: []string{command + " --help"}, Code: Unusable}
}

// Quiet returns an outcome of which everything has been said, with its exit status.
func Quiet(code Code) error { return &Error{Err: ErrQuiet, Code: code} }

// CodeOf returns the exit status for err; Success for nil. The outermost Error decides.
func CodeOf(err error) Code {
	if err == nil {
		return Success
	}
	if known, ok := errors.AsType[*Error](err); ok && known.Code != Success {
		return known.Code
	}
	return Unusable
}

// HintsOf returns the hints of err and of all that it wraps, the outermost first.
func HintsOf(err error) []string {
	var hints []string
	for err != nil {
		known, ok := errors.AsType[*Error](err)
		if !ok {
			break
		}
		hints = append(hints, known.Hints...)
		err = known.Err
	}
	return hints
}
