package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Remove removes what the cluster wrote: its entries, and the directory if `up` created it and it is empty then. In a
// directory without a mark it removes only the two files of the state. It returns the names of the files that it kept. It
// refuses a directory with a mount below it, because it would delete the mounted files.
func (d Dir) Remove() (kept []string, err error) {
	m, marked, err := d.loadMark()
	if err != nil {
		return nil, err
	}
	if err := d.noMounts("/proc/self/mountinfo"); err != nil {
		return nil, err
	}
	ours := entries()
	if !marked {
		ours = []string{componentsFile, clusterFile}
	}
	for _, name := range ours {
		if err := os.RemoveAll(d.Path(name)); err != nil {
			return nil, fmt.Errorf("cannot remove %q: %w", d.Path(name), err)
		}
	}
	if kept, err = d.names(); err != nil || len(kept) > 0 {
		return kept, err
	}
	if marked && !m.Created {
		return nil, nil
	}
	return nil, removeFile(string(d))
}

// Kept returns a message about what Remove kept, and why. It is empty if nothing was kept.
func (d Dir) Kept(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("kept %s: localkube has no record that it created %s; remove the directory yourself if nothing in it is yours",
		d, listed(names))
}

// noMounts refuses a directory that has a mount below it.
func (d Dir) noMounts(table string) error {
	content, err := os.ReadFile(table)
	if err != nil {
		return fmt.Errorf("cannot read the mounts of this machine: %w", err)
	}
	if points := mountsBelow(string(content), string(d)); len(points) > 0 {
		return fmt.Errorf("cannot remove %q: something is mounted on %s; unmount it first, then run `localkube down` again", d, listed(points))
	}
	return nil
}

// mountsBelow lists the mount points below the directory. The text has the format of /proc/PID/mountinfo (proc(5)): the fifth
// field is the mount point, with white space and backslashes in octal.
func mountsBelow(table, directory string) []string {
	const pointField = 4
	var points []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) <= pointField {
			continue
		}
		point := unescape(fields[pointField])
		if rest, err := filepath.Rel(directory, point); err == nil && rest != "." && filepath.IsLocal(rest) {
			points = append(points, point)
		}
	}
	slices.Sort(points)
	return slices.Compact(points)
}

// unescape replaces \ooo with the character of that octal number.
func unescape(text string) string {
	const digits = 3
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+digits < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+1+digits], 8, 8); err == nil {
				plain.WriteByte(byte(n))
				i += digits
				continue
			}
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}

// removeFile removes a file or an empty directory. A missing one is not an error.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove %q: %w", path, err)
	}
	return nil
}
