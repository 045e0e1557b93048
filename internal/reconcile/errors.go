package reconcile

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Class is the class of an error. It determines how the controller reacts.
type Class string

// The classes.
const (
	// Transient errors disappear after a while: the controller retries with backoff.
	Transient Class = "Transient"
	// Conflict means that another client wrote the object first. Its newer version starts another reconcile.
	Conflict Class = "Conflict"
	// NotFound means that the object, or its namespace or owner, does not exist any more.
	NotFound Class = "NotFound"
	// Exhausted means that the API server will accept the object after others are deleted, as with a quota.
	Exhausted Class = "Exhausted"
	// Rejected means that the API server will always refuse this object.
	Rejected Class = "Rejected"
	// TooLarge means that the object can never be stored.
	TooLarge Class = "TooLarge"
)

// Classify returns the class of an error of a write. If the API server has no code for a cause, Classify uses the message: an
// exceeded quota has the code "forbidden", and etcd's limit is an internal error.
func Classify(err error) Class {
	switch {
	case apierrors.IsConflict(err):
		return Conflict
	case apierrors.IsNotFound(err):
		return NotFound
	case apierrors.IsRequestEntityTooLargeError(err), overLimit(err.Error()):
		return TooLarge
	case apierrors.IsForbidden(err) && overQuota(err.Error()):
		return Exhausted
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), apierrors.IsMethodNotSupported(err):
		return Rejected
	default:
		return Transient
	}
}

// overLimit reports whether the message is etcd's refusal of a request for its size. If the limit of etcd was raised, the
// gRPC client of the API server refuses the request instead.
func overLimit(message string) bool {
	return strings.Contains(message, "etcdserver: request is too large") || strings.Contains(message, "trying to send message larger than max")
}

// Final reports whether the API server will always refuse the same status, so that the run can only end without it. A missing
// permission is not final: after it is granted, writes succeed again.
func Final(err error) bool {
	switch Classify(err) {
	case TooLarge:
		return true
	case Rejected:
		return !apierrors.IsForbidden(err) || deniedByAdmission(err.Error())
	default:
		return false
	}
}

// Answered reports whether the error is a response of the API server, so that another request may succeed.
func Answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// deniedByAdmission reports whether a webhook or a policy refused an object. The API server uses the same code for a missing
// permission.
func deniedByAdmission(message string) bool {
	return strings.Contains(message, "denied the request") || strings.Contains(message, "denied request")
}

// overQuota reports whether the message is about a quota that is exceeded, or that the API server has not computed yet.
func overQuota(message string) bool {
	return strings.Contains(message, "exceeded quota") || strings.Contains(message, "status unknown for quota")
}

// Retry returns the error of a status write if the controller must retry because of it. It returns nil if another event
// starts the next reconcile, or none is needed.
func Retry(err error) error {
	if err == nil {
		return nil
	}
	switch Classify(err) {
	case Conflict, NotFound:
		return nil
	default:
		return err
	}
}
