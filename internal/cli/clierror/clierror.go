// Package clierror has the errors of the commands of sluice: an error with hints, and the exit status of the process.
package clierror

import (
	"errors"
	"fmt"
)

// Code is the exit status of the process. Scripts rely on these numbers; the help of sluice documents them.
type Code int

// The codes.
const (
	// Success: the command succeeded; a run that it waited for succeeded.
	Success Code = 0
	// RunFailed: a run of the command has not succeeded, or a check found a problem.
	RunFailed Code = 1
	// Unusable: the command line is invalid, or the command could not do its work.
	Unusable Code = 2
	// Interrupted: the user interrupted the command (128 plus the number of SIGINT, as in shells).
	Interrupted Code = 130
)

// ErrQuiet is an outcome that the command has already printed. Main prints nothing for it.
var ErrQuiet = errors.New("the outcome is already printed")

// Error is an error with hints.
type Error struct {
	// Err is the cause; ErrQuiet prints nothing.
	Err error
	// Hints are sentences or commands that help. There may be none.
	Hints []string
	// Code is the exit status; Success means Unusable, because an error is not a success.
	Code Code
}

// Error returns the text of the cause, without hints.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error with the given text and hints, and the exit status Unusable.
func New(text string, hints ...string) error {
	return &Error{Err: errors.New(text), Hints: hints, Code: Unusable}
}

// Hint adds hints to err and keeps its exit status. It returns nil for nil.
func Hint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Hints: hints, Code: CodeOf(err)}
}

// Usage returns an error for an invalid command line. Its hint is the help of the command.
func Usage(command, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hints: []string{command + " --help"}, Code: Unusable}
}

// Quiet returns an outcome that is already printed, with its exit status.
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

// HintsOf returns the hints of err and of all errors that it wraps, outermost first.
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
