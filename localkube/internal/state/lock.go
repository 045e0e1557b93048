package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrBusy says that another command is changing the same cluster.
var ErrBusy = errors.New("another localkube command is at work on this cluster")

// Lock keeps other commands from changing the cluster until unlock is called; it fails if one is doing so. The lock ends with the process,
// too. Its file lies beside the directory, not in it, because the directory may be removed while the lock is held.
func (d Dir) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(string(d)), 0o755); err != nil {
		return nil, fmt.Errorf("cannot create the folder of %q: %w", d, err)
	}
	unlock, err = lockFile(string(d)+".lock", unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("cannot lock %q: %w", d, ErrBusy)
	}
	return unlock, err
}

// WaitLock takes the lock that the file at path stands for, once nobody else has it. The file is there only while the lock is held.
func WaitLock(path string) (unlock func(), err error) {
	return lockFile(path, unix.LOCK_EX)
}

func lockFile(path string, how int) (unlock func(), err error) {
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("cannot open lock %q: %w", path, err)
		}
		if err := unix.Flock(int(file.Fd()), how); err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("cannot lock %q: %w", path, err)
		}
		if isCurrent(file, path) {
			return func() {
				_ = os.Remove(path)
				_ = file.Close()
			}, nil
		}
		// Whoever held the lock before removed the file between our opening and locking it; a lock on it keeps nobody out.
		_ = file.Close()
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
