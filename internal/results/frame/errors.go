package frame

import "errors"

// The errors of a Reader; errors.Is tells them apart. Whichever it is, what the stream said is not to be relied on:
// only a stream that was read up to its End is whole.
var (
	// ErrIncomplete: the stream ended before its end record. More may come when it is read again.
	ErrIncomplete = errors.New("the results stream is incomplete")
	// ErrGap: a record is missing.
	ErrGap = errors.New("a record of the results stream is missing")
	// ErrDuplicate: a record came again, or in the wrong place.
	ErrDuplicate = errors.New("a record of the results stream is repeated or out of order")
	// ErrTrailing: a record came after the end record.
	ErrTrailing = errors.New("the results stream goes on after its end")
	// ErrVersion: the stream is in a version of the format, or has a kind of record, that this reader does not know.
	ErrVersion = errors.New("the results stream has an unknown version")
	// ErrDigest: a line, a value or the whole stream is not what its checksum or digest says.
	ErrDigest = errors.New("the results stream is damaged")
	// ErrTooLarge: the stream has more bytes than the caller's Limits allow.
	ErrTooLarge = errors.New("the results stream is too large")
	// ErrMalformed: a record is undamaged and breaks the rules of the format.
	ErrMalformed = errors.New("the results stream is malformed")
)

// cutError is an ErrIncomplete that is due to an error of the reader below.
type cutError struct{ cause error }

// Error implements error.
func (e *cutError) Error() string { return ErrIncomplete.Error() + ": " + e.cause.Error() }

// Is tells errors.Is that the stream is incomplete.
func (e *cutError) Is(target error) bool { return target == ErrIncomplete }

// Unwrap gives errors.Is and errors.As the cause.
func (e *cutError) Unwrap() error { return e.cause }
