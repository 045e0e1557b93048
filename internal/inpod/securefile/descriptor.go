package securefile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// logOf returns the descriptor of a path for this process's standard output or error: /dev/stdout, /dev/fd/1, and the targets
// of these links. Other descriptors are internal to this process. A link elsewhere may be from another container, and is
// ignored.
func logOf(path string) (fd int, ok bool) {
	const descriptors = "/proc/self/fd"
	path = filepath.Clean(path)
	dir, name := filepath.Split(path)
	switch dir = filepath.Clean(dir); dir {
	case "/dev":
		target, err := readLinkAt(atCWD, path)
		if err != nil {
			return -1, false
		}
		dir, name = filepath.Split(target)
		dir = filepath.Clean(dir)
	case "/dev/fd":
		target, err := readLinkAt(atCWD, dir)
		if err != nil {
			return -1, false
		}
		dir = target
	}
	if own := "/proc/" + strconv.Itoa(os.Getpid()) + "/fd"; dir != descriptors && dir != own {
		return -1, false
	}
	fd = slices.Index([]string{"0", "1", "2"}, name)
	return fd, fd == syscall.Stdout || fd == syscall.Stderr
}

// again returns a second descriptor for the file of fd: a pipe, a file or a terminal, as a container's output is. The file is
// not opened again, so it cannot change meanwhile, and both descriptors share one position.
func again(fd int, path string) (*os.File, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if !slices.Contains([]uint32{syscall.S_IFREG, syscall.S_IFIFO, syscall.S_IFCHR}, st.Mode&syscall.S_IFMT) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w: it is a %s", ErrNotRegular, kind(st.Mode))}
	}
	const notStandard = 3
	second, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, notStandard)
	if errno != 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errno}
	}
	return os.NewFile(second, path), nil
}
