package state

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrBusy says that another command is changing the same cluster.
var ErrBusy = errors.New("another localkube command is at work on this cluster")

// Lock keeps other commands from changing the cluster until unlock is called. The lock ends with the process, too.
// Its file lies beside the directory, not in it, because the directory may be removed while the lock is held.
func (d Dir) Lock() (unlock func(), err error) {
	path := string(d) + ".lock"
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("cannot open lock %q: %w", path, err)
		}
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			file.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("cannot lock %q: %w", d, ErrBusy)
			}
			return nil, fmt.Errorf("cannot lock %q: %w", d, err)
		}
		if isCurrent(file, path) {
			return func() {
				os.Remove(path)
				file.Close()
			}, nil
		}
		// Whoever held the lock before removed the file between our opening and locking it; a lock on it keeps nobody out.
		file.Close()
	}
}

func isCurrent(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	theirs, err := os.Stat(path)
	return err == nil && os.SameFile(mine, theirs)
}
