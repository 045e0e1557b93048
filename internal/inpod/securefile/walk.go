package securefile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is the maximum number of symbolic links in a path, as in the kernel.
const maxLinks = 40

// handle is O_PATH on a directory, which can be entered but not read.
const handle = oPath | syscall.O_DIRECTORY | syscall.O_NOFOLLOW | syscall.O_CLOEXEC

// walker walks from the root directory to a file, one component after the other.
type walker struct {
	path string
	// fd is the current directory of the walk.
	fd int
	// device is the device of the root directory.
	device uint64
	// private: only root, in this container, can have written to a directory of the path so far.
	private bool
	// make is the mode for missing directories; 0 if they are not created.
	make  uint32
	links int
	rest  []string
}

// parentOf returns a handle on the directory of path, and the name of the file in it. Missing directories are created with
// the mode, unless it is 0. It follows a symbolic link only where no other container can have made it: in directories of the
// container's root file system that only root can write to. Images have such links, for example /var/run.
func parentOf(path string, mode uint32) (fd int, name string, err error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return -1, "", err
	}
	if absolute == "/" {
		return -1, "", &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	root, err := openAt(atCWD, "/", handle&^syscall.O_NOFOLLOW)
	if err != nil {
		return -1, "", &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(root, &st); err != nil {
		closeFD(root)
		return -1, "", &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	w := &walker{path: path, fd: root, device: st.Dev, private: true, make: mode}
	dir, name := filepath.Split(absolute)
	if err := w.walk(dir); err != nil {
		closeFD(w.fd)
		return -1, "", err
	}
	return w.fd, name, nil
}

// atCWD is AT_FDCWD.
const atCWD = -100

// walk enters all components of dir.
func (w *walker) walk(dir string) error {
	w.rest = components(dir)
	for len(w.rest) > 0 {
		name := w.rest[0]
		w.rest = w.rest[1:]
		if err := w.look(); err != nil {
			return w.failed(err)
		}
		if err := w.enter(name); err != nil {
			return w.failed(err)
		}
	}
	return nil
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(c rune) bool { return c == filepath.Separator })
}

// look records whether the current directory is private.
func (w *walker) look() error {
	var st syscall.Stat_t
	if err := syscall.Fstat(w.fd, &st); err != nil {
		return err
	}
	const othersWrite = 0o022
	w.private = w.private && st.Dev == w.device && st.Uid == 0 && st.Mode&othersWrite == 0
	return nil
}

// enter enters the directory name, creates it if necessary, or follows it if it is a link.
func (w *walker) enter(name string) error {
	next, err := openAt(w.fd, name, handle)
	if errors.Is(err, fs.ErrNotExist) && w.make != 0 {
		if err := syscall.Mkdirat(w.fd, name, w.make); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		next, err = openAt(w.fd, name, handle)
	}
	if err == nil {
		closeFD(w.fd)
		w.fd = next
		return nil
	}
	if !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.ELOOP) {
		return err
	}
	target, linkErr := readLinkAt(w.fd, name)
	switch {
	case linkErr != nil:
		return err // a file
	case !w.private:
		return fmt.Errorf("%w: the path contains the symbolic link %q, in a directory to which others can write", ErrNotRegular, name)
	}
	return w.follow(target)
}

// follow continues with the target of a link.
func (w *walker) follow(target string) error {
	if w.links++; w.links > maxLinks {
		return syscall.ELOOP
	}
	w.rest = append(components(target), w.rest...)
	if !filepath.IsAbs(target) {
		return nil
	}
	root, err := openAt(atCWD, "/", handle&^syscall.O_NOFOLLOW)
	if err != nil {
		return err
	}
	closeFD(w.fd)
	w.fd = root
	return nil
}

func (w *walker) failed(err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		err = fmt.Errorf("%w: the path contains a file: %w", ErrNotRegular, err)
	}
	return &fs.PathError{Op: "open", Path: w.path, Err: err}
}
