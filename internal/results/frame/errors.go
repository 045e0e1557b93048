package frame

import "errors"

// The errors of a Reader; use errors.Is to distinguish them. After any of them the content of the stream is not reliable:
// only a stream that was read up to its End is complete.
var (
	// ErrIncomplete: the stream ended before its end record. Another read may return more.
	ErrIncomplete = errors.New("the results stream is incomplete")
	// ErrGap: a record is missing.
	ErrGap = errors.New("a record of the results stream is missing")
	// ErrDuplicate: a record is repeated, or is in the wrong place.
	ErrDuplicate = errors.New("a record of the results stream is repeated or out of order")
	// ErrTrailing: a record follows the end record.
	ErrTrailing = errors.New("the results stream continues after its end")
	// ErrVersion: the stream has a version of the format, or a kind of record, that this reader does not know.
	ErrVersion = errors.New("the results stream has an unknown version")
	// ErrDigest: a line, a value or the whole stream does not match its checksum or digest.
	ErrDigest = errors.New("the results stream is damaged")
	// ErrTooLarge: the stream has more bytes than the caller's Limits allow.
	ErrTooLarge = errors.New("the results stream is too large")
	// ErrMalformed: a record is undamaged, but breaks the rules of the format.
	ErrMalformed = errors.New("the results stream is malformed")
)

// cutError is an ErrIncomplete that an error of the underlying reader caused.
type cutError struct{ cause error }

// Error implements error.
func (e *cutError) Error() string { return ErrIncomplete.Error() + ": " + e.cause.Error() }

// Is reports that the error is an ErrIncomplete.
func (e *cutError) Is(target error) bool { return target == ErrIncomplete }

// Unwrap returns the cause.
func (e *cutError) Unwrap() error { return e.cause }
