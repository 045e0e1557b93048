// Package securefile opens regular files in directories that others can write to, whatever lies there. It never opens
// anything but a regular file, waits for nothing, and follows no symbolic link that another container can have made. What
// it decides about a file, it decides on the open file and not on its name.
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

// attempts is how often a file is read that does not hold still before Read gives up.
const attempts = 3

// The errors of Read, besides those of the file system, which errors.Is tells by fs.ErrNotExist and fs.ErrPermission.
var (
	// ErrNotRegular: what is at the path is no regular file, or the path leads over a symbolic link.
	ErrNotRegular = errors.New("not a regular file")
	// ErrChanged: the file changed or was replaced while it was read.
	ErrChanged = errors.New("changed while it was read")
)

// TooLargeError says that a file has more bytes than were asked for.
type TooLargeError struct {
	// Size is the length of the file in bytes.
	Size int64
}

// Error implements error.
func (e *TooLargeError) Error() string { return fmt.Sprintf("%d bytes are too many", e.Size) }

// Buffer is memory for one file after the other, so that reading many takes no more than the largest. The zero Buffer
// is ready.
type Buffer struct{ bytes []byte }

// room returns n bytes, which hold until it is called again.
func (b *Buffer) room(n int64) []byte {
	if int64(cap(b.bytes)) < n {
		b.bytes = nil // the old one is of no use while the new one is made
		b.bytes = make([]byte, n)
	}
	return b.bytes[:n]
}

// Root is a directory that files are opened in. Its own path is trusted; what is beneath is not.
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

// Read returns the content of the file at path, which is beneath the root, if it has at most limit bytes. It is in buf,
// and holds until buf is used again. A file that changes meanwhile is read again, at most three times in all.
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

// content reads the file that open opened, and wants it to be the same afterwards.
func (r *Root) content(f *os.File, rel string, before *syscall.Stat_t, into *Buffer) ([]byte, error) {
	// One byte of room more than the file has shows whether it grew.
	buf := into.room(before.Size + 1)
	n, err := readFull(f, buf)
	if err != nil {
		return nil, err
	}
	after, err := r.stat(rel)
	if err != nil || int64(n) != before.Size || !same(before, after) {
		// Also a file that was removed, or turned into something else: the next attempt will say so.
		return nil, ErrChanged
	}
	return buf[:n], nil
}

// open opens the regular file at rel. It looks before it opens, since to open a device can have effects, and again
// afterwards, since it may have been replaced in between.
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

// stat returns what is at rel now, which must be a regular file.
func (r *Root) stat(rel string) (*syscall.Stat_t, error) {
	parent, err := r.parent(rel)
	if err != nil {
		return nil, err
	}
	defer closeFD(parent)
	return statAt(parent, filepath.Base(rel))
}

// parent opens the directory that rel is in, one component after the other and none through a symbolic link.
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

// named puts the path to an error, and says what the kernel's refusal to follow a link or to enter a file means.
func (r *Root) named(rel string, err error) error {
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENOTDIR) {
		err = fmt.Errorf("%w: the path leads over a symbolic link or a file", ErrNotRegular)
	}
	if errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) {
		err = fmt.Errorf("%w: %w", ErrNotRegular, err)
	}
	return &fs.PathError{Op: "read", Path: filepath.Join(r.path, rel), Err: err}
}

// same says whether two looks at a path saw the same content of the same file, as far as metadata can tell. The time of
// a file's last change (ctime) is there because anybody can set back the time of its last modification.
func same(a, b *syscall.Stat_t) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Size == b.Size && a.Mtim == b.Mtim && a.Ctim == b.Ctim
}
