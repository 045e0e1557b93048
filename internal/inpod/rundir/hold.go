package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Claim is the locks of a step's run directory.
type Claim struct {
	dir string
	// life is the directory, locked while processes of the step may run.
	life *os.File
	// running is the file Running, locked while the entrypoint runs.
	running *os.File
	// again: another entrypoint has locked the directory before.
	again bool
}

// Hold locks the run directory dir until the process ends or the Claim is closed. Processes that are started meanwhile do not
// inherit the locks.
func Hold(dir string) (*Claim, error) {
	life, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open run directory %q: %w", dir, err)
	}
	if err := flock(int(life.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("cannot lock run directory %q: %w", dir, errors.Join(err, life.Close()))
	}
	// An existing record is from before a restart of the container: no process of the step has been started yet.
	c := &Claim{dir: dir, life: life, again: exists(dir, Running)}
	if err := errors.Join(clearEnd(dir), c.placeRunning()); err != nil {
		return nil, fmt.Errorf("cannot prepare run directory %q: %w", dir, errors.Join(err, life.Close()))
	}
	return c, nil
}

// Again reports whether the container of the step was started before. The kubelet alone restarts no container of a run. But a
// container that another component has added can have a rule that restarts all containers, and a kubelet whose runtime does not know the
// state of a container starts it again.
func (c *Claim) Again() bool { return c.again }

// Forged reports whether the directory now has a record of an end. The entrypoint calls it before it posts the end, so an
// existing record was written by the step.
func (c *Claim) Forged() bool {
	_, ok := recorded(c.dir)
	return ok
}

// Release releases the lock of the directory, so that others see the end after it is posted. The entrypoint calls it before
// Post, when its step has no process any more. It first moves away files of the step with the names of an end record, and
// restores Running.
func (c *Claim) Release() error {
	err := clearEnd(c.dir)
	if err == nil {
		err = c.restoreRunning()
	}
	if err = errors.Join(err, c.life.Close()); err != nil {
		return fmt.Errorf("cannot record the end of the step: cannot release run directory %q: %w", c.dir, err)
	}
	return nil
}

// clearEnd removes the record of an end.
func clearEnd(dir string) error {
	return errors.Join(moveAway(dir, Out), moveAway(dir, OutErr), moveAway(dir, Status))
}

// restoreRunning restores the locked file Running, readable for all users, whatever the step did to it.
func (c *Claim) restoreRunning() error {
	if c.genuine() {
		return c.running.Chmod(modeFile)
	}
	if err := c.running.Close(); err != nil {
		return err
	}
	return c.placeRunning()
}

// Close releases both locks.
func (c *Claim) Close() error {
	life := c.life.Close()
	if errors.Is(life, os.ErrClosed) {
		life = nil // already released
	}
	return errors.Join(life, c.running.Close())
}

// placeRunning creates and locks the file Running.
func (c *Claim) placeRunning() error {
	f, err := temp(c.dir, Running)
	if err != nil {
		return err
	}
	// The file gets its lock before its name, so that it is never visible without a lock while this process runs.
	err = flock(int(f.Fd()), syscall.LOCK_EX)
	if err == nil {
		err = place(f, c.dir, Running)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	c.running = f
	return nil
}

// genuine reports whether the name Running still refers to the locked file of the Claim.
func (c *Claim) genuine() bool {
	named, err := os.Lstat(filepath.Join(c.dir, Running))
	if err != nil {
		return false
	}
	held, err := c.running.Stat()
	return err == nil && os.SameFile(named, held)
}

// openDir opens a directory, but not through a link.
func openDir(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}

// flock is flock(2), repeated if a signal interrupts it.
func flock(fd, how int) error {
	for {
		if err := syscall.Flock(fd, how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
