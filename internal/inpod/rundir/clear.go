package rundir

import (
	"errors"
	"fmt"
)

// Clear takes away all that tells of a step, as if it had not begun.
func Clear(dir string) error {
	var errs []error
	// Out and OutErr come first: without them Status says nothing.
	for _, name := range []string{Out, OutErr, Status, ExitCode, LeftResults, Survey, Signature, Running} {
		errs = append(errs, moveAway(dir, name))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot clear run directory %q: %w", dir, err)
	}
	return nil
}
