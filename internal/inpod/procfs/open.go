package procfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
)

// maxInfo is the length in bytes to read of a file /proc/PID/fdinfo/FD: the flags are in the second line.
const maxInfo = 512

// File identifies an existing file on this machine.
type File struct{ Device, Inode uint64 }

// FileOf returns the identity of the file with this info, or false if the system does not report it.
func FileOf(info fs.FileInfo) (File, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return File{}, false
	}
	return File{Device: st.Dev, Inode: st.Ino}, true
}

// Writes reports whether a process has the file open for writing. An error means that the process cannot be inspected: it
// belongs to another user, or protects its memory. An ended process writes nothing. The call may block on a file system that
// does not respond.
func Writes(pid int, file File) (bool, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	open, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return false, unlessGone(err)
	}
	for _, fd := range open {
		writes, err := writable(dir, fd.Name(), file)
		if writes || err != nil {
			return writes, err
		}
	}
	return false, nil
}

// writable reports whether a descriptor can write to the file.
func writable(dir, fd string, file File) (bool, error) {
	info, err := securefile.ReadHead(dir+"/fdinfo/"+fd, maxInfo)
	if err != nil {
		return false, unlessGone(err)
	}
	if !opensForWriting(info) {
		return false, nil
	}
	what, err := os.Stat(dir + "/fd/" + fd)
	if err != nil {
		return false, unlessGone(err)
	}
	id, ok := FileOf(what)
	return ok && id == file, nil
}

// opensForWriting reports whether a file /proc/PID/fdinfo/FD is for a descriptor that can write: its line "flags:" has the
// flags of open(2) in octal digits. Without such a line it returns true, to be safe.
func opensForWriting(info []byte) bool {
	for line := range bytes.Lines(info) {
		digits, ok := bytes.CutPrefix(line, []byte("flags:"))
		if !ok {
			continue
		}
		flags, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 8, 64)
		return err != nil || flags&syscall.O_ACCMODE != syscall.O_RDONLY
	}
	return true
}

// unlessGone returns nil for the errors of an ended process or a closed descriptor.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
