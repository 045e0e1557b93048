package reconcile

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Class says what is to be done.
type Class string

// The classes.
const (
	// Transient errors pass: the object is tried again with backoff.
	Transient Class = "Transient"
	// Conflict says that somebody wrote the object first. The newer version starts a pass of its own.
	Conflict Class = "Conflict"
	// NotFound says that the object, or what it belongs to, is not there any more.
	NotFound Class = "NotFound"
	// Exhausted says that the API server will take the object once others are gone, as with a quota.
	Exhausted Class = "Exhausted"
	// Rejected says that the API server will refuse the same object for ever.
	Rejected Class = "Rejected"
	// TooLarge says that the object cannot be stored, now or later.
	TooLarge Class = "TooLarge"
)

// Classify returns the class of an error that a write has met. Where the API server has no code for a cause, its words
// decide: a quota is a kind of "forbidden", and etcd's limit an internal error.
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

// overLimit reports whether an API server repeats etcd's refusal of a request for its size, or that of its own connection to
// an etcd whose limit was raised.
func overLimit(message string) bool {
	return strings.Contains(message, "etcdserver: request is too large") || strings.Contains(message, "trying to send message larger than max")
}

// Final reports whether the API server will refuse the same status for ever, so that the run can only end without it. A
// missing permission is no such refusal: nothing at all can be written until it is granted.
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

// Answered reports whether an error is an answer of the API server, so that another request may well succeed.
func Answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// deniedByAdmission reports whether a webhook or a policy refused an object; the API server has the same code for that and
// for a missing permission.
func deniedByAdmission(message string) bool {
	return strings.Contains(message, "denied the request") || strings.Contains(message, "denied request")
}

// overQuota reports whether an API server speaks of a quota that is used up, or one that it does not know yet.
func overQuota(message string) bool {
	return strings.Contains(message, "exceeded quota") || strings.Contains(message, "status unknown for quota")
}

// Retry returns the error of a status write if the object is to be tried again because of it, and nil if something else
// starts the next pass, or none is needed.
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
