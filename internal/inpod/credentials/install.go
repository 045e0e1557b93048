//go:build linux

package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
)

// file is a file to create, with its path in a home directory. Only its owner can read it: ssh refuses other modes.
type file struct {
	path    string
	content []byte
}

const (
	modeFile = 0o600
	modeDir  = 0o700
)

// write creates the file in dir atomically, and replaces an existing one.
func (f file) write(dir string) error {
	return securefile.Replace(filepath.Join(dir, f.path), f.content, modeFile, modeDir)
}

// install copies the files into a home directory that steps of several users may share. It moves away files of other users,
// and files that should be directories, because they can neither be read nor changed.
func install(files []file, home string) error {
	if _, err := os.Stat(home); err != nil {
		return err // a home directory that the image lacks is not created
	}
	for _, f := range files {
		err := f.write(home)
		if top, _, nested := strings.Cut(f.path, "/"); nested && (errors.Is(err, fs.ErrPermission) || errors.Is(err, securefile.ErrNotRegular)) {
			if err = moveAway(filepath.Join(home, top)); err == nil {
				err = f.write(home)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moveAway renames a directory to an unused name.
func moveAway(dir string) error {
	for n := range 1000 {
		other := dir + ".other-user-" + strconv.Itoa(n)
		if _, err := os.Lstat(other); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(dir, other)
		}
	}
	return fmt.Errorf("cannot move %q away: %w", dir, fs.ErrExist)
}
