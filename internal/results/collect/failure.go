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

// kind says in which way a read of a log failed. What is tried next depends on it alone.
type kind int

const (
	// denied: the controller may not read the log.
	denied kind = iota
	// absent: there is no such pod, container or log.
	absent
	// unreachable: the API server or the kubelet did not give the log.
	unreachable
	// broken: the log broke off while it was read, through no fault of the stream.
	broken
	// stalled: nothing that counts came for too long.
	stalled
	// incomplete: the log was read to its end, and the stream has none.
	incomplete
	// corrupt: the stream cannot become right by reading it again.
	corrupt
	kinds
)

// maxCause is how much of a message of the API server or a kubelet is passed on, in bytes.
const maxCause = 1024

var (
	errStalled = errors.New("no record came out of the log for too long")
	errPanic   = errors.New("reading the log made the controller panic")
)

// failure is why one read failed.
type failure struct {
	kind kind
	// err is what a caller may look into; it wraps an error of the API, of package frame, or of this one.
	err error
	// cause is what text tells of it, where that is less than err.
	cause error
}

// notOpened is the failure of a log that was not given out. cut is why this side stopped waiting for it, if it did.
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

// notRead is the failure of a log that was given out. below is what reading it met with, other than its end, and cut is
// why this side stopped reading, if it did.
func notRead(err, below, cut error) *failure {
	switch {
	case withheld(err):
		return &failure{kind: broken, err: err, cause: err}
	case damaged(err), errors.Is(err, errPanic):
		return &failure{kind: corrupt, err: err, cause: err}
	case cut != nil:
		// What closing the log looks like to its reader is of no interest.
		return &failure{kind: stalled, err: fmt.Errorf("%w: %w", frame.ErrIncomplete, cut), cause: cut}
	case below != nil:
		return &failure{kind: broken, err: err, cause: below}
	}
	return &failure{kind: incomplete, err: err, cause: fmt.Errorf("%w: the log has no end record", frame.ErrIncomplete)}
}

// withheld reports whether a read has ended since it may not hold what the log has, which is no fault of the log.
func withheld(err error) bool {
	return errors.Is(err, errManySteps) || errors.As(err, new(*noRoomError))
}

// text says what happened in words that are the same as long as the same thing happens: without port numbers of this
// side, counts of records and times.
func (f *failure) text() string {
	switch f.kind {
	case denied:
		return "the log may not be read: " + stable(f.cause)
	case absent:
		return "there is no such log: " + stable(f.cause)
	case unreachable:
		return "the log cannot be had: " + stable(f.cause)
	case broken:
		return "the log broke off while it was read: " + stable(f.cause)
	default:
		return stable(f.cause)
	}
}

// deed says what a kind of failure was, after a number of times.
func (k kind) deed() string {
	switch k {
	case denied:
		return "it may not be read"
	case absent:
		return "it was not there"
	case unreachable:
		return "it could not be had"
	case broken:
		return "it broke off"
	case stalled:
		return "no record came in time"
	case incomplete:
		return "it had no end record"
	default:
		return "it was damaged"
	}
}

// localPort is this side's end of a connection in the texts of package net: "read tcp 10.0.0.1:53412->10.0.0.2:443".
var localPort = regexp.MustCompile(`[^\s]+:\d+->`)

// stable is the text of err without what differs from one attempt to the next.
func stable(err error) string {
	text := strings.TrimSpace(localPort.ReplaceAllString(err.Error(), ""))
	return truncate.Text(text, maxCause)
}

// ReadError is why a log has not given its results, or never will. Its text stays the same as long as the reads fail in
// the same way; how often they did is told once, when nothing more is tried. It wraps the error of the last read.
type ReadError struct {
	// Reads is how many reads have failed since the container ended; 0 while it runs.
	Reads int
	// Over is the time from the first of these reads to the end of the last one.
	Over time.Duration
	// Final says that nothing more is tried.
	Final bool

	last   *failure
	counts [kinds]int
}

// Error says what happened at the last read and, if it was the last one of all, what was tried.
func (e *ReadError) Error() string {
	if !e.Final {
		return e.last.text()
	}
	return e.last.text() + "; " + e.tried()
}

// Unwrap returns the error of the last read.
func (e *ReadError) Unwrap() error { return e.last.err }

// tried says how often and for how long the log was read, and in which ways that failed where it was not always the same.
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
