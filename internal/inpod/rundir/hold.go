package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Claim is a step's hold on its run directory.
type Claim struct {
	dir string
	// life is the directory, locked while processes of the step may live.
	life *os.File
	// running is the file Running, locked while the entrypoint lives.
	running *os.File
}

// Hold locks the run directory dir until the process ends or the Claim is closed. No process that is started meanwhile
// inherits the locks.
func Hold(dir string) (*Claim, error) {
	life, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot hold run directory %q: %w", dir, err)
	}
	if err := flock(int(life.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("cannot lock run directory %q: %w", dir, errors.Join(err, life.Close()))
	}
	c := &Claim{dir: dir, life: life}
	// A record that is there is of an earlier life of the container: no process of the step has been started yet.
	if err := errors.Join(clearEnd(dir), c.placeRunning()); err != nil {
		return nil, fmt.Errorf("cannot hold run directory %q: %w", dir, errors.Join(err, life.Close()))
	}
	return c, nil
}

// Forged reports whether the directory has a record of an end now. The entrypoint asks before it posts the end, so that
// whatever there is was written by the step itself.
func (c *Claim) Forged() bool {
	_, ok := recorded(c.dir)
	return ok
}

// Release frees the lock of the directory, which lets others see the end once it is posted. It is for an entrypoint that
// is about to call Post and whose step has no process any more. Files that the step put in the place of those of an end
// are moved away first, and Running is restored.
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

// clearEnd takes away the record of an end.
func clearEnd(dir string) error {
	return errors.Join(moveAway(dir, Out), moveAway(dir, OutErr), moveAway(dir, Status))
}

// restoreRunning makes Running the locked file that everybody can read, whatever the step has made of it.
func (c *Claim) restoreRunning() error {
	if c.genuine() {
		return c.running.Chmod(modeFile)
	}
	if err := c.running.Close(); err != nil {
		return err
	}
	return c.placeRunning()
}

// Close frees both locks.
func (c *Claim) Close() error {
	life := c.life.Close()
	if errors.Is(life, os.ErrClosed) {
		life = nil // released before
	}
	return errors.Join(life, c.running.Close())
}

// placeRunning makes and locks the file Running.
func (c *Claim) placeRunning() error {
	f, err := temp(c.dir, Running)
	if err != nil {
		return err
	}
	// The lock comes before the name, so that the file is never seen unlocked while this process lives.
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

// genuine reports whether the name Running still leads to the file that the Claim has locked.
func (c *Claim) genuine() bool {
	named, err := os.Lstat(filepath.Join(c.dir, Running))
	if err != nil {
		return false
	}
	held, err := c.running.Stat()
	return err == nil && os.SameFile(named, held)
}

// openDir opens a directory, and not through a link.
func openDir(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
}

// flock is flock(2), again when a signal interrupts it.
func flock(fd, how int) error {
	for {
		if err := syscall.Flock(fd, how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
