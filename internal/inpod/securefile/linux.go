package securefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"
)

// oPath is O_PATH: a handle on a file for its metadata, not for reading. Opening it has no effect on the file. Package
// syscall does not define it; it is the same on all architectures of Linux.
const oPath = 0x200000

// openAt is openat(2), repeated if a signal interrupts it.
func openAt(dir int, name string, flags int) (int, error) {
	for {
		fd, err := syscall.Openat(dir, name, flags, 0)
		if !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}

// openMode is openAt for files that may be created.
func openMode(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := syscall.Openat(dir, name, flags, mode)
		if !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}

// readLinkAt is readlinkat(2). Package syscall supports only the working directory.
func readLinkAt(dir int, name string) (string, error) {
	const longest = 4096 // PATH_MAX
	buf := make([]byte, longest)
	p, err := syscall.BytePtrFromString(name)
	if err != nil {
		return "", err
	}
	n, _, errno := syscall.Syscall6(syscall.SYS_READLINKAT, uintptr(dir),
		uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&buf[0])), longest, 0, 0) //nolint:gosec // the kernel writes to this buffer
	if errno != 0 {
		return "", errno
	}
	return string(buf[:n]), nil
}

// removeAt removes name in dir: a file, a link, or an empty directory.
func removeAt(dir int, name string) error {
	err := syscall.Unlinkat(dir, name)
	if !errors.Is(err, syscall.EISDIR) {
		return err
	}
	const removeDir = 0x200 // AT_REMOVEDIR, for which package syscall has no function
	p, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	//nolint:gosec // the kernel reads a name
	_, _, errno := syscall.Syscall(syscall.SYS_UNLINKAT, uintptr(dir), uintptr(unsafe.Pointer(p)), removeDir)
	if errno != 0 {
		return errno
	}
	return nil
}

// statAt returns the metadata of name in dir, without opening it, if it is a regular file.
func statAt(dir int, name string) (*syscall.Stat_t, error) {
	fd, err := openAt(dir, name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer closeFD(fd)
	return statFD(fd)
}

// statFD returns the metadata of fd, if it is a regular file.
func statFD(fd int) (*syscall.Stat_t, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, fmt.Errorf("%w: it is a %s", ErrNotRegular, kind(st.Mode))
	}
	return &st, nil
}

// kind names the type of a file by its mode.
func kind(mode uint32) string {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFLNK:
		return "symbolic link"
	case syscall.S_IFDIR:
		return "directory"
	case syscall.S_IFIFO:
		return "FIFO"
	case syscall.S_IFSOCK:
		return "socket"
	case syscall.S_IFCHR, syscall.S_IFBLK:
		return "device"
	}
	return "file of an unknown kind"
}

// readFull reads until buf is full or the file ends.
func readFull(f *os.File, buf []byte) (int, error) {
	n, err := io.ReadFull(f, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

// closeFD closes a handle that was not written to, so an error has no consequence.
func closeFD(fd int) { _ = syscall.Close(fd) }
