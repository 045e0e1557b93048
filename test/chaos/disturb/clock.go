package disturb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

const (
	// clockFile is the file through which a controller built with test/chaos/overlay gets its clock offset and confirms it.
	clockFile = "/var/run/sluice/clock"
	// smallestStep and largestStep bound the offset of a clock, in both directions. A time daemon does not correct a larger
	// offset; it gives up.
	smallestStep, largestStep = 2 * time.Second, 20 * time.Second
)

// stepClock sets the clock of the leading controller forward or back.
func (s *scene) stepClock(ctx context.Context) error {
	_, process, _, err := s.leading(ctx)
	if err != nil {
		return err
	}
	step := stepOf(s.Draw)
	s.note = fmt.Sprintf("by %s for %s", step, s.For)
	s.later(func(ctx context.Context) error {
		if process.Gone() {
			return nil // the next container has the right time
		}
		return setClock(ctx, process, 0)
	})
	return setClock(ctx, process, step)
}

// stepOf generates the offset of a clock, in whole milliseconds.
func stepOf(draw uint64) time.Duration {
	step := smallestStep + time.Duration(draw/2%uint64((largestStep-smallestStep)/time.Millisecond))*time.Millisecond
	if draw%2 == 1 {
		return -step
	}
	return step
}

// setClock sets the offset of a controller's clock from this machine's, and waits until the controller uses it.
func setClock(ctx context.Context, process machine.Process, step time.Duration) error {
	path := fmt.Sprintf("/proc/%d/root%s", process.PID, clockFile)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("cannot set the controller's clock (was it built with test/chaos/overlay?): %w", err)
	}
	if err := os.WriteFile(path, []byte("set "+step.String()), 0o666); err != nil {
		return fmt.Errorf("cannot signal the controller to set its clock: %w", err)
	}
	if err := process.Signal(unix.SIGUSR1); err != nil {
		return err
	}
	err := kube.Poll(ctx, func(context.Context) (bool, error) {
		said, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || process.Gone() {
			return true, nil // it has ended since
		}
		return string(said) == "is "+step.String(), err
	})
	if err != nil {
		return fmt.Errorf("the controller does not set its clock by %s: %w", step, err)
	}
	return nil
}
