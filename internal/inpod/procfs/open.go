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

// maxInfo is how much of a file /proc/PID/fdinfo/FD is read, in bytes: the flags are in the second line.
const maxInfo = 512

// File identifies a file on this machine, as long as the file exists.
type File struct{ Device, Inode uint64 }

// FileOf returns the identity of the file that info describes; false where the system does not give it.
func FileOf(info fs.FileInfo) (File, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return File{}, false
	}
	return File{Device: st.Dev, Inode: st.Ino}, true
}

// Writes reports whether a process has the file open for writing. An error says that the process does not let this one
// look: it belongs to another user, or protects its memory. A process that has ended writes nothing. It may wait for a file
// system that does not answer.
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

// opensForWriting reports whether a file /proc/PID/fdinfo/FD is that of a descriptor that can write: its line "flags:" has
// the flags of open(2) in octal digits. Without such a line it may be one.
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

// unlessGone returns nil for the errors of a process or a descriptor that is no more.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
