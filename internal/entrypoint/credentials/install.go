package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// write makes the file appear in dir, whole, in place of whatever has its name.
func (f file) write(dir string) error {
	path := filepath.Join(dir, f.path)
	if err := os.MkdirAll(filepath.Dir(path), modeDir); err != nil {
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(path), ".credentials-*") // 0600, whatever the umask is
	if err != nil {
		return err
	}
	_, err = t.Write(f.content)
	err = errors.Join(err, t.Chmod(modeFile), t.Close())
	if err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(t.Name()))
	}
	return nil
}

// install puts the files into a home directory that steps of several users may share: what another user owns is moved out
// of the way, since it could neither be read nor changed.
func install(files []file, home string) error {
	if err := writable(home); err != nil {
		return err
	}
	for _, f := range files {
		err := f.write(home)
		if top, _, nested := strings.Cut(f.path, "/"); errors.Is(err, fs.ErrPermission) && nested {
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

// writable returns why nothing can be put into a directory.
func writable(dir string) error {
	t, err := os.CreateTemp(dir, ".credentials-*")
	if err != nil {
		return err
	}
	return errors.Join(t.Close(), os.Remove(t.Name()))
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
