package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrBusy is the error while another command changes the same cluster.
var ErrBusy = errors.New("another localkube command is changing this cluster")

// Lock prevents other commands from changing the cluster until unlock is called. It fails if another command holds the lock.
// The lock also ends with the process. Its file is beside the directory, because the directory may be removed while the lock
// is held. No other program uses the name of the file: the file is removed with the lock, and "poetry.lock" beside "poetry"
// belongs to a user.
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

// WaitLock waits until it gets the lock of the file at path. The file exists only while the lock is held.
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
		// The previous holder removed the file after this process opened it. A lock on a removed file does not exclude other
		// processes.
		_ = file.Close()
	}
}

// openLock opens the lock's file, which is empty. A file of that name with content belongs to another program and is kept.
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
