package securefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// The flags of every file that is opened: nothing is followed, and nothing is waited for.
const safely = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC

// Append opens the file at path to append to, made with the mode if it is missing, as its directories are with
// 0777, both less the umask. It must be a regular file that has no other name, or a character device in /dev, which each
// container has for itself. A path such as /dev/stdout stands for this process's own standard output or error.
func Append(path string, mode uint32) (*os.File, error) {
	if fd, ok := logOf(path); ok {
		return again(fd, path)
	}
	return openToWrite(path, syscall.O_APPEND, mode, 0o777)
}

// Overwrite opens the file at path to write to, emptied, and made with the mode if it is missing. It must be a regular
// file that has no other name.
func Overwrite(path string, mode uint32) (*os.File, error) {
	f, err := openToWrite(path, 0, mode, 0)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func openToWrite(path string, flags int, mode, dirMode uint32) (*os.File, error) {
	parent, name, err := parentOf(path, dirMode)
	if err != nil {
		return nil, err
	}
	defer closeFD(parent)
	device := filepath.Dir(filepath.Clean(path)) == "/dev"
	// To open a device can have effects, so it is looked at before, and again afterwards: it may have been replaced.
	if err := writableAt(parent, name, device); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	fd, err := openMode(parent, name, syscall.O_WRONLY|syscall.O_CREAT|flags|safely, mode)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENXIO) {
		err = fmt.Errorf("%w: %w", ErrNotRegular, err)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := writable(fd, device); err != nil {
		closeFD(fd)
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		closeFD(fd)
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// writableAt returns why name in dir is not to be written to.
func writableAt(dir int, name string, device bool) error {
	fd, err := openAt(dir, name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer closeFD(fd)
	return writable(fd, device)
}

func writable(fd int, device bool) error {
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return err
	}
	switch kindOf := st.Mode & syscall.S_IFMT; {
	case kindOf == syscall.S_IFCHR && device:
		return nil
	case kindOf != syscall.S_IFREG:
		return fmt.Errorf("%w: it is a %s", ErrNotRegular, kind(st.Mode))
	case st.Nlink > 1:
		return fmt.Errorf("%w: it is a file of %d names (hard links)", ErrNotRegular, st.Nlink)
	}
	return nil
}

// MakeDirs makes the directory at path and those above it, where they are missing, with the mode less the umask.
func MakeDirs(path string, mode uint32) error {
	fd, _, err := parentOf(filepath.Join(path, "x"), mode)
	if err != nil {
		return err
	}
	closeFD(fd)
	return nil
}

// Replace makes the file at path have this content and exactly this mode. It appears whole, in place of whatever file has
// that name. Its directories are made with dirMode where they are missing.
func Replace(path string, content []byte, mode, dirMode uint32) error {
	parent, name, err := parentOf(path, dirMode)
	if err != nil {
		return err
	}
	defer closeFD(parent)
	temporary := "." + name + ".new-" + rand.Text()
	fd, err := openMode(parent, temporary, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|safely, mode)
	if err != nil {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(os.FileMode(mode)), f.Close())
	if err == nil {
		err = syscall.Renameat(parent, temporary, parent, name)
	}
	if err != nil {
		return &fs.PathError{Op: "create", Path: path, Err: errors.Join(err, syscall.Unlinkat(parent, temporary))}
	}
	return nil
}

// Fresh makes a new file at path, with exactly this mode, and never in a file that was there: that is removed, or the
// empty directory is.
func Fresh(path string, mode uint32) (*os.File, error) {
	parent, name, err := parentOf(path, 0)
	if err != nil {
		return nil, err
	}
	defer closeFD(parent)
	if err := removeAt(parent, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "remove", Path: path, Err: err}
	}
	fd, err := openMode(parent, name, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL|safely, mode)
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	if err := f.Chmod(os.FileMode(mode)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Allow adds permissions to the mode of what is at path: a regular file with no other name, or a directory. It reports
// whether there were any to add, and they were added.
func Allow(path string, more uint32) bool {
	parent, name, err := parentOf(path, 0)
	if err != nil {
		return false
	}
	defer closeFD(parent)
	fd, err := openAt(parent, name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC)
	if err != nil {
		return false
	}
	defer closeFD(fd)
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil {
		return false
	}
	isFile := st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Nlink == 1
	if !isFile && st.Mode&syscall.S_IFMT != syscall.S_IFDIR || st.Mode&more == more {
		return false
	}
	// What else the mode says stays: a volume's directories pass on their group (setgid) or are sticky. The name in /proc
	// is that of the handle: whatever has been put in the place of the file meanwhile is not touched.
	const all = 0o7777
	return syscall.Chmod("/proc/self/fd/"+strconv.Itoa(fd), st.Mode&all|more) == nil
}

// ReadHead returns the first bytes of the file at path, at most limit. It follows links, as the kernel does when it starts
// a program, and takes nothing but a regular file.
func ReadHead(path string, limit int) ([]byte, error) {
	fd, err := openMode(atCWD, path, syscall.O_RDONLY|safely&^syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() //nolint:errcheck // it was only read
	if _, err := statFD(fd); err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	head := make([]byte, limit)
	n, err := readFull(f, head)
	return head[:n], err
}
