package taskrun

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// class says what is to be done about an error of a pass. Outcomes of runs are not errors; see Outcome.
type class int

const (
	// transient errors pass: the object is tried again with backoff.
	transient class = iota
	// conflict: somebody wrote the object first. A newer version is on its way and starts a pass of its own.
	conflict
	// gone: the object was deleted in the meantime.
	gone
	// tooLarge: the object cannot be stored as it is, now or later.
	tooLarge
)

// classify decides by the kind of error.
func classify(err error) class {
	switch {
	case apierrors.IsConflict(err):
		return conflict
	case apierrors.IsNotFound(err):
		return gone
	case apierrors.IsRequestEntityTooLargeError(err), strings.Contains(err.Error(), "etcdserver: request is too large"):
		return tooLarge
	default:
		return transient
	}
}

// passing returns the error if the object is to be tried again because of it, and nil if something else will start the
// next pass, or none is needed.
func passing(err error) error {
	switch classify(err) {
	case conflict, gone:
		return nil
	default:
		return err
	}
}
