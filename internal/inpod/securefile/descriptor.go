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

// logOf returns the descriptor that a path stands for, where that is this process's standard output or error: /dev/stdout,
// /dev/fd/1, and what they are links to. Other descriptors are this process's own business. A link elsewhere may be
// another container's, and stands for nothing.
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

// again returns a second descriptor of what fd is: a pipe, a file or a terminal, as a container's output is. It is not
// opened anew: what it is cannot change meanwhile, and both write to the same place in it.
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
