package securefile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is how many symbolic links a path may lead over, as the kernel has it.
const maxLinks = 40

// handle is O_PATH on a directory: it can be entered, and not be read.
const handle = oPath | syscall.O_DIRECTORY | syscall.O_NOFOLLOW | syscall.O_CLOEXEC

// walker goes from the root directory to a file, one component after the other.
type walker struct {
	path string
	// fd is the directory that was reached.
	fd int
	// device is that of the root directory.
	device uint64
	// private: nothing but root, in this container, can have put something into a directory on the way.
	private bool
	// make is the mode of the directories that are made where they are missing; 0 for none.
	make  uint32
	links int
	rest  []string
}

// parentOf returns a handle on the directory that path is in, and the name of the file in it. Directories that are
// missing are made with the mode, unless that is 0. A symbolic link is followed only where no other container can have put
// it: in directories of the container's own root file system that root alone can write. Images have such links, as
// /var/run.
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

// look notes whether the directory that was reached is private.
func (w *walker) look() error {
	var st syscall.Stat_t
	if err := syscall.Fstat(w.fd, &st); err != nil {
		return err
	}
	const othersWrite = 0o022
	w.private = w.private && st.Dev == w.device && st.Uid == 0 && st.Mode&othersWrite == 0
	return nil
}

// enter goes to the directory name, makes it if need be, or follows the link that it is.
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
		return fmt.Errorf("%w: the path leads over the symbolic link %q, in a directory that others can write", ErrNotRegular, name)
	}
	return w.follow(target)
}

// follow puts the target of a link in the place of the link.
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
		err = fmt.Errorf("%w: the path leads over a file: %w", ErrNotRegular, err)
	}
	return &fs.PathError{Op: "open", Path: w.path, Err: err}
}
