package policies

import (
	"errors"
	"fmt"
)

// tooManyError is the error for a namespace with more policies than are read.
type tooManyError struct{ namespace string }

func (e *tooManyError) Error() string {
	return fmt.Sprintf("namespace %q has more than %d VerificationPolicies, or in them more than %d keys, %d references to Secrets, or "+
		"%d bytes of patterns and keys; delete some", e.namespace, maxPolicies, maxKeys, maxSecrets, maxBytes)
}

func errTooMany(err error) (*tooManyError, bool) { return errors.AsType[*tooManyError](err) }
