package rundir

import (
	"errors"
	"fmt"
)

// Clear removes all records of a step, as if it had not started.
func Clear(dir string) error {
	var errs []error
	// Out and OutErr are removed first: without them Status is ignored.
	for _, name := range []string{Out, OutErr, Status, ExitCode, LeftResults, Survey, Signature, Running} {
		errs = append(errs, moveAway(dir, name))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot clear run directory %q: %w", dir, err)
	}
	return nil
}
