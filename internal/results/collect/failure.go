package collect

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// kind is the kind of a failed read of a log. It alone determines the next try.
type kind int

const (
	// denied: the controller may not read the log.
	denied kind = iota
	// absent: there is no such pod, container or log.
	absent
	// unreachable: the API server or the kubelet did not return the log.
	unreachable
	// broken: the connection broke while the log was read. The stream is not the cause.
	broken
	// stalled: there was no record for too long.
	stalled
	// incomplete: the log ended before the stream did.
	incomplete
	// corrupt: the stream is invalid, and another read cannot help.
	corrupt
	kinds
)

// maxCause is the maximum length in bytes of a message of the API server or a kubelet in an error.
const maxCause = 1024

var (
	errStalled = errors.New("the log had no record for too long")
	errPanic   = errors.New("reading the log made the controller panic")
)

// failure is why one read failed.
type failure struct {
	kind kind
	// err is for the caller to unwrap. It wraps an error of the API, of package frame, or of this one.
	err error
	// cause is the part of err for text, if not all of it.
	cause error
}

// notOpened returns the failure of a log that could not be opened. Cut is why the Collector stopped waiting, if it did.
func notOpened(err, cut error) *failure {
	switch {
	case cut != nil:
		return &failure{kind: stalled, err: fmt.Errorf("%w: %w", cut, err), cause: cut}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return &failure{kind: denied, err: err, cause: err}
	case apierrors.IsNotFound(err):
		return &failure{kind: absent, err: err, cause: err}
	}
	return &failure{kind: unreachable, err: err, cause: err}
}

// notRead returns the failure of a log that was opened. Below is the error of the connection, other than io.EOF, and cut is
// why the Collector stopped reading, if it did.
func notRead(err, below, cut error) *failure {
	switch {
	case withheld(err):
		return &failure{kind: broken, err: err, cause: err}
	case damaged(err), errors.Is(err, errPanic):
		return &failure{kind: corrupt, err: err, cause: err}
	case cut != nil:
		// The error that closing the log causes is irrelevant.
		return &failure{kind: stalled, err: fmt.Errorf("%w: %w", frame.ErrIncomplete, cut), cause: cut}
	case below != nil:
		return &failure{kind: broken, err: err, cause: below}
	}
	return &failure{kind: incomplete, err: err, cause: fmt.Errorf("%w: the log has no end record", frame.ErrIncomplete)}
}

// withheld reports whether a read ended because there was no memory for the content of the log. The log is not the cause.
func withheld(err error) bool {
	return errors.Is(err, errManySteps) || errors.As(err, new(*noRoomError))
}

// text describes the failure in words that stay the same while the cause is the same: without local port numbers, counts and
// times.
func (f *failure) text() string {
	switch f.kind {
	case denied:
		return "the controller may not read the log: " + stable(f.cause)
	case absent:
		return "the log does not exist: " + stable(f.cause)
	case unreachable:
		return "the log is unavailable: " + stable(f.cause)
	case broken:
		return "the connection broke while the log was read: " + stable(f.cause)
	default:
		return stable(f.cause)
	}
}

// deed describes a kind of failure, for use after a number of reads.
func (k kind) deed() string {
	switch k {
	case denied:
		return "it could not be read without permission"
	case absent:
		return "it did not exist"
	case unreachable:
		return "it was unavailable"
	case broken:
		return "the connection broke"
	case stalled:
		return "it had no record in time"
	case incomplete:
		return "it had no end record"
	default:
		return "it was damaged"
	}
}

// localPort matches the local address of a connection in the errors of package net: "read tcp 10.0.0.1:53412->10.0.0.2:443".
var localPort = regexp.MustCompile(`[^\s]+:\d+->`)

// stable returns the text of err without the parts that differ between tries.
func stable(err error) string {
	text := strings.TrimSpace(localPort.ReplaceAllString(err.Error(), ""))
	return truncate.Text(text, maxCause)
}

// ReadError is why a log has not returned results, or never will. Its text stays the same while the reads fail in the same
// way. It contains the number of reads only at the end, when there is no further try. It wraps the error of the last read.
type ReadError struct {
	// Reads is the number of failed reads since the container ended; 0 while it runs.
	Reads int
	// Over is the time from the first of these reads to the end of the last one.
	Over time.Duration
	// Final reports that there is no further try.
	Final bool

	last   *failure
	counts [kinds]int
}

// Error describes the last read and, if Final, all tries.
func (e *ReadError) Error() string {
	if !e.Final {
		return e.last.text()
	}
	return e.last.text() + "; " + e.tried()
}

// Unwrap returns the error of the last read.
func (e *ReadError) Unwrap() error { return e.last.err }

// tried describes how often and for how long the log was read, and the kinds of failures if they differ.
func (e *ReadError) tried() string {
	text := fmt.Sprintf("read %s %s", times(e.Reads), within(e.Over))
	var ways []string
	for k, n := range e.counts {
		if n > 0 {
			ways = append(ways, times(n)+" "+kind(k).deed())
		}
	}
	if len(ways) > 1 {
		text += " (" + strings.Join(ways, ", ") + ")"
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func within(d time.Duration) string {
	if d < time.Second {
		return "within a second"
	}
	return fmt.Sprintf("over %d s", d.Round(time.Second)/time.Second)
}
