package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// markFile marks a directory as that of a cluster.
	markFile = ".localkube.json"
	// markKind distinguishes a mark from a file of another program with the same name.
	markKind = "localkube-directory"
)

// mark is the content of markFile. In a directory without a mark, only the state of a cluster may be removed.
type mark struct {
	Kind string `json:"kind"`
	// Directory is the directory that was marked. A copy of it holds the path of the original here.
	Directory string `json:"directory"`
	// Created reports whether `up` created the directory. A directory that existed before is emptied and kept.
	Created bool `json:"created"`
}

// Claim marks the directory as that of a new cluster. An existing directory must be empty, or have been claimed before. The
// caller holds the lock.
func (d Dir) Claim() error {
	if err := d.NotWithin(); err != nil {
		return err
	}
	if _, marked, err := d.loadMark(); marked || err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(string(d)), 0o755); err != nil {
		return fmt.Errorf("cannot create the folder of %q: %w", d, err)
	}
	err := os.Mkdir(string(d), 0o755)
	created := err == nil
	switch {
	case errors.Is(err, fs.ErrExist):
		err = d.empty()
	case err != nil:
		err = fmt.Errorf("cannot create directory %q: %w", d, err)
	}
	if err != nil {
		return err
	}
	err = d.save(markFile, mark{Kind: markKind, Directory: string(d), Created: created})
	if err == nil {
		return nil
	}
	err = errors.Join(err, removeFile(d.Path(markFile+newSuffix)))
	if created {
		err = errors.Join(err, removeFile(string(d)))
	}
	return err
}

// Claimed reports whether the directory is that of a cluster, even if it has no state: an `up` may have been killed.
func (d Dir) Claimed() (bool, error) {
	_, marked, err := d.loadMark()
	return marked, err
}

// NotWithin refuses a directory inside that of another cluster, because it would be removed with that cluster.
func (d Dir) NotWithin() error {
	for outer := Dir(filepath.Dir(string(d))); ; outer = Dir(filepath.Dir(string(outer))) {
		_, marked, err := outer.loadMark()
		if err == nil && !marked {
			_, marked, err = outer.LoadCluster()
		}
		if marked && err == nil {
			return fmt.Errorf("cannot bring up a cluster in %q: it lies inside %q, the directory of another cluster; choose another with --dir",
				d, outer)
		}
		if filepath.Dir(string(outer)) == string(outer) {
			return nil
		}
	}
}

// empty refuses a directory that is not empty.
func (d Dir) empty() error {
	names, err := d.names()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("cannot bring up a cluster in %q: the directory is not empty and holds no cluster of localkube; it contains %s; "+
		"choose another with --dir, or empty this one", d, listed(names))
}

// names lists the entries of the directory, sorted.
func (d Dir) names() ([]string, error) {
	found, err := os.ReadDir(string(d))
	if err != nil {
		return nil, fmt.Errorf("cannot read directory %q: %w", d, err)
	}
	var names []string
	for _, one := range found {
		names = append(names, one.Name())
	}
	return names, nil
}

// listed formats the first few names.
func listed(names []string) string {
	const most = 5
	var quoted []string
	for _, name := range names[:min(most, len(names))] {
		quoted = append(quoted, strconv.Quote(name))
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// loadMark reads the mark. ok is false for a directory without a mark.
func (d Dir) loadMark() (m mark, ok bool, err error) {
	ok, err = d.load(markFile, &m)
	if err != nil || !ok {
		return mark{}, false, err
	}
	if m.Kind != markKind {
		return mark{}, false, nil
	}
	if m.Directory != string(d) {
		return mark{}, false, fmt.Errorf("cannot use %q: it is a copy of, or was moved from, %q, the directory of a cluster; "+
			"choose another with --dir, or remove this one yourself", d, m.Directory)
	}
	return m, true, nil
}
