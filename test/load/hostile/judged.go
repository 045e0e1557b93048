package hostile

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Judged reports whether an error is a refusal of the object itself, and not a failure such as a webhook that does not answer
// in time. An object that is too large for etcd counts as refused, although its status is 500.
func Judged(err error) bool {
	if err == nil {
		return false
	}
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsRequestEntityTooLargeError(err) || strings.Contains(err.Error(), "request is too large")
}
