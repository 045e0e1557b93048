package convert

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// replace gives a file another text. It writes a new file next to it, which then takes its place with its mode, so that the file
// has either text as a whole. Before is the text that was read: a file that has changed since then is left alone. The target of
// a symbolic link is replaced, not the link.
func replace(name string, before, text []byte) error {
	if err := replaceTarget(name, before, text); err != nil {
		return fmt.Errorf("cannot write file %q: %w", name, err)
	}
	return nil
}

func replaceTarget(name string, before, text []byte) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a regular file")
	}
	now, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, before) {
		return errors.New("another program has changed it; run the command again")
	}
	temporary, err := os.CreateTemp(filepath.Dir(target), ".sluice-convert-*")
	if err != nil {
		return err
	}
	if err := fill(temporary, text, info.Mode().Perm()); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	if err := os.Rename(temporary.Name(), target); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// fill writes a file and closes it.
func fill(file *os.File, text []byte, mode os.FileMode) error {
	_, err := file.Write(text)
	return errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
}
