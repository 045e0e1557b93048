package pipelinerun

import (
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
)

// classify decides by the kind of error.
func classify(err error) class {
	switch {
	case apierrors.IsConflict(err):
		return conflict
	case apierrors.IsNotFound(err):
		return gone
	default:
		return transient
	}
}
