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

// The flags of every file that is opened: do not follow links, do not block.
const safely = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC

// Append opens the file at path for appending. A missing file is created with the mode, and missing directories with 0777,
// both less the umask. The file must be a regular file without further names, or a character device in /dev, which belongs to
// the container. A path such as /dev/stdout means this process's standard output or error.
func Append(path string, mode uint32) (*os.File, error) {
	if fd, ok := logOf(path); ok {
		return again(fd, path)
	}
	return openToWrite(path, syscall.O_APPEND, mode, 0o777)
}

// Overwrite opens the file at path for writing and truncates it, or creates it with the mode. It must be a regular file
// without further names.
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
	// Opening a device can have effects, so the file is checked before, and again afterwards, because it may have been
	// replaced.
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

// writableAt returns why name in dir must not be written to.
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
		return fmt.Errorf("%w: it is a file with %d names (hard links)", ErrNotRegular, st.Nlink)
	}
	return nil
}

// MakeDirs creates the directory at path and its parents, if they are missing, with the mode less the umask.
func MakeDirs(path string, mode uint32) error {
	fd, _, err := parentOf(filepath.Join(path, "x"), mode)
	if err != nil {
		return err
	}
	closeFD(fd)
	return nil
}

// Replace writes the file at path atomically with this content and exactly this mode, and replaces an existing one. Missing
// directories are created with dirMode.
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

// Fresh creates a new file at path, with exactly this mode. It never uses an existing file: it removes the file, or the empty
// directory, with this name.
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

// Allow adds permissions to the mode of path: a regular file without further names, or a directory. It reports whether it has
// added any.
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
	// The other bits of the mode stay: a volume's directories inherit their group (setgid) or are sticky. The name in /proc
	// is that of the handle, so a file that has replaced the original meanwhile is not changed.
	const all = 0o7777
	return syscall.Chmod("/proc/self/fd/"+strconv.Itoa(fd), st.Mode&all|more) == nil
}

// ReadHead returns the first bytes of the file at path, at most limit. It follows links, as the kernel does when it starts a
// program. It reads only a regular file.
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
