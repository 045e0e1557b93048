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
	// clockFile is what a controller that was built with test/chaos/overlay is told by what its clock is to show, and what it
	// says it does.
	clockFile = "/var/run/sluice/clock"
	// smallestStep and largestStep are how far a clock is set, either way. A clock that is wrong by more is not set by
	// what keeps clocks right: it gives up.
	smallestStep, largestStep = 2 * time.Second, 20 * time.Second
)

// stepClock sets the clock of the controller that leads forward or back.
func (s *scene) stepClock(ctx context.Context) error {
	_, process, _, err := s.leading(ctx)
	if err != nil {
		return err
	}
	step := stepOf(s.Draw)
	s.note = fmt.Sprintf("by %s for %s", step, s.For)
	s.later(func(ctx context.Context) error {
		if process.Gone() {
			return nil // and the one after it has the right time
		}
		return setClock(ctx, process, 0)
	})
	return setClock(ctx, process, step)
}

// stepOf draws how far a clock is set, in whole milliseconds.
func stepOf(draw uint64) time.Duration {
	step := smallestStep + time.Duration(draw/2%uint64((largestStep-smallestStep)/time.Millisecond))*time.Millisecond
	if draw%2 == 1 {
		return -step
	}
	return step
}

// setClock lets a controller's clock differ from this machine's by a step, and returns once it does.
func setClock(ctx context.Context, process machine.Process, step time.Duration) error {
	path := fmt.Sprintf("/proc/%d/root%s", process.PID, clockFile)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("cannot set the controller's clock; was it built with test/chaos/overlay? %w", err)
	}
	if err := os.WriteFile(path, []byte("set "+step.String()), 0o666); err != nil {
		return fmt.Errorf("cannot tell the controller the time: %w", err)
	}
	if err := process.Signal(unix.SIGUSR1); err != nil {
		return err
	}
	err := kube.Poll(ctx, func(context.Context) (bool, error) {
		said, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || process.Gone() {
			return true, nil // it has ended meanwhile
		}
		return string(said) == "is "+step.String(), err
	})
	if err != nil {
		return fmt.Errorf("the controller does not set its clock by %s: %w", step, err)
	}
	return nil
}
