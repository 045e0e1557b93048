package resolvers

import "fmt"

// The reasons of failed requests. Clients of resolvers know them.
const (
	// ReasonFailed means that the definition could not be fetched.
	ReasonFailed = "ResolutionFailed"
	// ReasonTimedOut means that there was no answer within the timeout.
	ReasonTimedOut = "ResolutionTimedOut"
	// ReasonInvalid means that the request cannot have an answer: its params are wrong.
	ReasonInvalid = "InvalidRequest"
)

// Error is why a request has no answer.
type Error struct {
	// Reason is the reason of the condition.
	Reason string
	// Message is for users: what is wrong with which value, and what to do. It holds no text that another host has sent, and
	// no credentials.
	Message string
	// Retry reports that the same request may succeed later.
	Retry bool
	// Cause is for the log. It may hold text of another host, and never credentials. It may be nil.
	Cause error
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Invalid returns the error for wrong params. A retry cannot help.
func Invalid(format string, args ...any) *Error {
	return &Error{Reason: ReasonInvalid, Message: fmt.Sprintf(format, args...)}
}

// Failed returns the error for a definition that cannot be fetched, with the cause for the log, or nil. A retry cannot help.
func Failed(cause error, format string, args ...any) *Error {
	return &Error{Reason: ReasonFailed, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Unavailable returns the error for a host that does not answer now, with the cause for the log, or nil. A retry can help.
func Unavailable(cause error, format string, args ...any) *Error {
	return &Error{Reason: ReasonFailed, Message: fmt.Sprintf(format, args...), Retry: true, Cause: cause}
}
