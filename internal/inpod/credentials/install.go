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

// file is one that is made, with its path in a home directory. Only its owner can read it: ssh refuses others.
type file struct {
	path    string
	content []byte
}

const (
	modeFile = 0o600
	modeDir  = 0o700
)

// write makes the file appear in dir, whole, in place of whatever file has its name.
func (f file) write(dir string) error {
	return securefile.Replace(filepath.Join(dir, f.path), f.content, modeFile, modeDir)
}

// install puts the files into a home directory that steps of several users may share: what another user owns, or what is
// no directory, is moved out of the way, since it could neither be read nor changed.
func install(files []file, home string) error {
	if _, err := os.Stat(home); err != nil {
		return err // a home directory that the image lacks is not made
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

// moveAway gives a directory another name, which nothing has.
func moveAway(dir string) error {
	for n := range 1000 {
		other := dir + ".other-user-" + strconv.Itoa(n)
		if _, err := os.Lstat(other); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(dir, other)
		}
	}
	return fmt.Errorf("cannot move %q away: %w", dir, fs.ErrExist)
}
