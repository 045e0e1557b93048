package securefile

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
)

// HasWriter reports whether any process of the machine has the file at path, beneath the root, open for writing, or mapped
// for writing. It requests a read lease on the file, which the kernel then refuses. An error that is neither fs.ErrNotExist
// nor ErrNotRegular means that the kernel does not know: the file belongs to another user, or its file system has no leases.
func (r *Root) HasWriter(path string) (bool, error) {
	rel, err := filepath.Rel(r.path, path)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return false, fmt.Errorf("%q is not beneath %q", path, r.path)
	}
	f, _, err := r.open(rel)
	if err != nil {
		return false, err
	}
	// Closing the file releases the lease. A process that opens the file for writing waits for that.
	defer f.Close() //nolint:errcheck // it was not written
	err = control(f.Fd(), syscall.F_SETSIG, uintptr(syscall.SIGURG))
	if err == nil {
		// The kernel sends a signal to the holder of a lease for which another process waits. Go's runtime uses SIGURG, so it
		// has no effect here.
		err = control(f.Fd(), syscall.F_SETLEASE, syscall.F_RDLCK)
	}
	if errors.Is(err, syscall.EAGAIN) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot get a lease on %q: %w", path, err)
	}
	return false, nil
}

// control is fcntl(2) with a number.
func control(fd uintptr, command int, value uintptr) error {
	for {
		_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, uintptr(command), value)
		if errno == 0 {
			return nil
		}
		if errno != syscall.EINTR {
			return errno
		}
	}
}
