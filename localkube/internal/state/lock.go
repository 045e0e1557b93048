package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrBusy says that another command is changing the same cluster.
var ErrBusy = errors.New("another localkube command is at work on this cluster")

// Lock keeps other commands from changing the cluster until unlock is called; it fails if one is doing so. The lock ends with the process,
// too. Its file lies beside the directory, not in it, because the directory may be removed while the lock is held. Its name is
// one that no other program uses: the file is removed with the lock, and "poetry.lock" beside "poetry" is not ours.
func (d Dir) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(string(d)), 0o755); err != nil {
		return nil, fmt.Errorf("cannot create the folder of %q: %w", d, err)
	}
	unlock, err = lockFile(d.lockPath(), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("cannot lock %q: %w", d, ErrBusy)
	}
	return unlock, err
}

func (d Dir) lockPath() string {
	return filepath.Join(filepath.Dir(string(d)), "."+strings.Trim(filepath.Base(string(d)), "/")+".localkube-lock")
}

// WaitLock takes the lock that the file at path stands for, once nobody else has it. The file is there only while the lock is held.
func WaitLock(path string) (unlock func(), err error) {
	return lockFile(path, unix.LOCK_EX)
}

func lockFile(path string, how int) (unlock func(), err error) {
	for {
		file, err := openLock(path)
		if err != nil {
			return nil, err
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

// openLock opens the lock's file, which is an empty one. Any other file of that name was not made here, and stays.
func openLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock %q: %w", path, err)
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > 0) {
		err = errors.New("it is not a lock of localkube; move it away")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot use lock %q: %w", path, err), file.Close())
	}
	return file, nil
}

func isCurrent(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	theirs, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, theirs)
}
