// Package securefile opens regular files in directories to which other containers can write. It never opens anything but a
// regular file, never blocks, and follows no symbolic link that another container can have made. It checks the opened file
// and not its name.
package securefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// attempts is the number of reads of a changing file before Read gives up.
const attempts = 3

// The errors of Read, in addition to those of the file system (fs.ErrNotExist, fs.ErrPermission).
var (
	// ErrNotRegular: the file is not a regular file, or its path contains a symbolic link.
	ErrNotRegular = errors.New("not a regular file")
	// ErrChanged: the file changed or was replaced while it was read.
	ErrChanged = errors.New("changed while it was read")
)

// TooLargeError means that a file exceeds the limit.
type TooLargeError struct {
	// Size is the length of the file in bytes.
	Size int64
}

// Error implements error.
func (e *TooLargeError) Error() string { return fmt.Sprintf("%d bytes exceed the limit", e.Size) }

// Buffer is memory for several files in turn, so that reading many takes no more than the largest. The zero Buffer is ready
// to use.
type Buffer struct{ bytes []byte }

// room returns n bytes, which are valid until the next call.
func (b *Buffer) room(n int64) []byte {
	if int64(cap(b.bytes)) < n {
		b.bytes = nil // releases the old bytes before the new ones are allocated
		b.bytes = make([]byte, n)
	}
	return b.bytes[:n]
}

// Root is a directory in which files are opened. Its path is trusted; everything beneath is not.
type Root struct {
	dir  *os.File
	path string
}

// OpenRoot opens the directory path.
func OpenRoot(path string) (*Root, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Root{dir: dir, path: path}, nil
}

// Fd returns the descriptor of the directory, which is valid until Close.
func (r *Root) Fd() int { return int(r.dir.Fd()) }

// Close closes the directory.
func (r *Root) Close() error { return r.dir.Close() }

// Read returns the content of the file at path, beneath the root, if it has at most limit bytes. The content is in buf, and
// is valid until buf is used again. A file that changes during the read is read again, at most three times in total.
func (r *Root) Read(path string, limit int64, buf *Buffer) ([]byte, error) {
	rel, err := filepath.Rel(r.path, path)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return nil, fmt.Errorf("%q is not beneath %q", path, r.path)
	}
	for range attempts {
		value, err := r.readOnce(rel, limit, buf)
		if !errors.Is(err, ErrChanged) {
			return value, err
		}
	}
	return nil, ErrChanged
}

func (r *Root) readOnce(rel string, limit int64, buf *Buffer) ([]byte, error) {
	f, before, err := r.open(rel)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if before.Size > limit {
		return nil, &TooLargeError{Size: before.Size}
	}
	return r.content(f, rel, before, buf)
}

// content reads the file that open opened, and verifies that it is unchanged afterwards.
func (r *Root) content(f *os.File, rel string, before *syscall.Stat_t, into *Buffer) ([]byte, error) {
	// One additional byte of room shows whether the file has grown.
	buf := into.room(before.Size + 1)
	n, err := readFull(f, buf)
	if err != nil {
		return nil, err
	}
	after, err := r.stat(rel)
	if err != nil || int64(n) != before.Size || !same(before, after) {
		// The file may also have been removed or replaced; the next attempt reports that.
		return nil, ErrChanged
	}
	return buf[:n], nil
}

// open opens the regular file at rel. It checks the file before it opens it, because opening a device can have effects, and
// again afterwards, because the file may have been replaced in between.
func (r *Root) open(rel string) (*os.File, *syscall.Stat_t, error) {
	parent, err := r.parent(rel)
	if err != nil {
		return nil, nil, err
	}
	defer closeFD(parent)
	name := filepath.Base(rel)
	if _, err := statAt(parent, name); err != nil {
		return nil, nil, r.named(rel, err)
	}
	const flags = syscall.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	fd, err := openAt(parent, name, flags)
	if err != nil {
		return nil, nil, r.named(rel, err)
	}
	f := os.NewFile(uintptr(fd), rel)
	st, err := statFD(fd)
	if err != nil {
		_ = f.Close()
		return nil, nil, r.named(rel, err)
	}
	return f, st, nil
}

// stat returns the metadata of rel, which must be a regular file.
func (r *Root) stat(rel string) (*syscall.Stat_t, error) {
	parent, err := r.parent(rel)
	if err != nil {
		return nil, err
	}
	defer closeFD(parent)
	return statAt(parent, filepath.Base(rel))
}

// parent opens the directory of rel, one component after the other and none through a symbolic link.
func (r *Root) parent(rel string) (int, error) {
	const flags = oPath | syscall.O_DIRECTORY | syscall.O_NOFOLLOW | syscall.O_CLOEXEC
	fd, err := openAt(int(r.dir.Fd()), ".", flags)
	if err != nil {
		return -1, r.named(".", err)
	}
	dir := filepath.Dir(rel)
	if dir == "." {
		return fd, nil
	}
	for name := range strings.SplitSeq(dir, string(filepath.Separator)) {
		next, err := openAt(fd, name, flags)
		closeFD(fd)
		if err != nil {
			return -1, r.named(rel, err)
		}
		fd = next
	}
	return fd, nil
}

// named adds the path to an error, and explains the kernel's refusal to follow a link or to enter a file.
func (r *Root) named(rel string, err error) error {
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) {
		err = fmt.Errorf("%w: the path contains a symbolic link or a file", ErrNotRegular)
	}
	if errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) {
		err = fmt.Errorf("%w: %w", ErrNotRegular, err)
	}
	return &fs.PathError{Op: "read", Path: filepath.Join(r.path, rel), Err: err}
}

// same reports whether two checks of a path saw the same content of the same file, according to the metadata. It includes the
// time of the last change (ctime), because any user can reset the time of the last modification.
func same(a, b *syscall.Stat_t) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mtim == b.Mtim && a.Ctim == b.Ctim
}
