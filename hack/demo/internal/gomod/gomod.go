// Package gomod lists the modules that a Go module is built from, as its go.mod and go.sum list them. Since Go 1.17 a go.mod
// file names every module that provides a package to the build, direct or indirect, and go.sum holds the digest of each. Both
// files together are the complete list, so nothing has to be fetched.
package gomod

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// Module is a module that another module is built from.
type Module struct {
	// Path and Version are those of the module that is really built, after replacement.
	Path, Version string
	// Sum is the SHA-256 digest of the module's files in go.sum ("h1"), in base64.
	Sum string
	// Direct is true if a package of the requiring module imports a package of this module.
	Direct bool
	// UsedBy holds the paths of the modules whose go.mod requires it, sorted.
	UsedBy []string
}

// Read returns the modules that the module in folder dir requires, sorted by path and version. It omits modules that a folder
// replaces, because they are part of the project itself. It also omits modules without a digest in go.sum, because no package
// of them is built.
func Read(dir string) ([]Module, error) {
	m, err := readMod(dir)
	if err != nil {
		return nil, err
	}
	sums, err := readSums(filepath.Join(dir, "go.sum"))
	if err != nil {
		return nil, err
	}
	var modules []Module
	for _, r := range m.Require {
		built := replaced(m, r.Mod)
		sum, ok := sums[built.Path+"@"+built.Version]
		if !ok {
			continue
		}
		modules = append(modules, Module{
			Path:    built.Path,
			Version: built.Version,
			Sum:     sum,
			Direct:  !r.Indirect,
			UsedBy:  []string{m.Module.Mod.Path},
		})
	}
	return Merge(modules), nil
}

// replaced returns the replacement of a required module, or the module itself if it has none.
func replaced(m *modfile.File, required module.Version) module.Version {
	for _, r := range m.Replace {
		if r.Old.Path == required.Path && (r.Old.Version == "" || r.Old.Version == required.Version) {
			return r.New
		}
	}
	return required
}

func readMod(dir string) (*modfile.File, error) {
	file := filepath.Join(dir, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read go.mod in %q: %w", dir, err)
	}
	m, err := modfile.Parse(file, text, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot parse go.mod in %q: %w", dir, err)
	}
	if m.Module == nil {
		return nil, fmt.Errorf("cannot read go.mod in %q: it names no module", dir)
	}
	return m, nil
}

// readSums returns the digests of modules' files by "path@version". It skips lines about go.mod files.
func readSums(file string) (map[string]string, error) {
	sums := map[string]string{}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return sums, nil // a module that requires nothing has no go.sum
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open %q: %w", file, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 3 {
			return nil, fmt.Errorf("cannot read %q line %d: it has %d fields, not 3", file, n, len(fields))
		}
		sum, isFiles := strings.CutPrefix(fields[2], "h1:")
		if strings.HasSuffix(fields[1], "/go.mod") || !isFiles {
			continue
		}
		if digest, err := base64.StdEncoding.DecodeString(sum); err != nil || len(digest) != 32 {
			return nil, fmt.Errorf("cannot read %q line %d: %q is not the base64 form of a SHA-256 digest", file, n, sum)
		}
		sums[fields[0]+"@"+fields[1]] = sum
	}
	return sums, lines.Err()
}

// Merge merges lists of modules: each path and version once, sorted, with all its users.
func Merge(lists ...[]Module) []Module {
	byID := map[string]*Module{}
	for _, m := range slices.Concat(lists...) {
		id := m.Path + "@" + m.Version
		if known, ok := byID[id]; ok {
			known.Direct = known.Direct || m.Direct
			known.UsedBy = append(known.UsedBy, m.UsedBy...)
			continue
		}
		m.UsedBy = slices.Clone(m.UsedBy)
		byID[id] = &m
	}
	merged := make([]Module, 0, len(byID))
	for _, m := range byID {
		slices.Sort(m.UsedBy)
		m.UsedBy = slices.Compact(m.UsedBy)
		merged = append(merged, *m)
	}
	slices.SortFunc(merged, func(a, b Module) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Version, b.Version)
	})
	return merged
}

// CacheDir returns the folder of the module's files, relative to the module cache. It fails for a path or version that is not
// valid for a module.
func (m Module) CacheDir() (string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return "", fmt.Errorf("cannot locate module %q in the cache: %w", m.Path, err)
	}
	version, err := module.EscapeVersion(m.Version)
	if err != nil {
		return "", fmt.Errorf("cannot locate version %q of module %q in the cache: %w", m.Version, m.Path, err)
	}
	return path + "@" + version, nil
}
