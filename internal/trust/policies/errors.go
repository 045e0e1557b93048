package policies

import (
	"errors"
	"fmt"
)

// tooManyError is the error for a namespace with more policies than are read.
type tooManyError struct{ namespace string }

func (e *tooManyError) Error() string {
	return fmt.Sprintf("namespace %q has more than %d VerificationPolicies, or more than %d bytes of patterns and keys in them; delete some",
		e.namespace, maxPolicies, maxBytes)
}

func errTooMany(err error) (*tooManyError, bool) { return errors.AsType[*tooManyError](err) }
