package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/tools/prose/rule"
	"github.com/sluice-ci/sluice/tools/prose/text"
)

// linter collects the findings of all files.
type linter struct {
	rules    []rule.Rule
	skips    skipList
	files    int
	findings []finding
}

// finding is one place in a file that breaks a rule.
type finding struct {
	path    string
	line    int
	rule    string
	level   string
	message string
	phrase  string
}

func newLinter(rules, skipFile string) (*linter, error) {
	loaded, err := rule.Load(rules)
	if err != nil {
		return nil, err
	}
	list, err := readSkipList(skipFile)
	if err != nil {
		return nil, err
	}
	return &linter{rules: loaded, skips: list}, nil
}

// skipped reports whether a folder holds no prose of the project: inputs of tests, what git ignores,
// what is generated, and the rules.
func skipped(path string) bool {
	switch filepath.Base(path) {
	case ".git", "bin", "testdata", "node_modules":
		return true
	}
	path = filepath.ToSlash(path)
	return path == "config/crd/bases" || path == "tools/prose/styles"
}

// walk lints all files below a path, which may be a file. It fails for a path that does not exist.
func (l *linter) walk(root string) error {
	var files []string
	err := filepath.WalkDir(filepath.Clean(root), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("cannot read path %q: %w", path, err)
		case entry.IsDir() && path != root && skipped(path):
			return filepath.SkipDir
		case entry.Type().IsRegular():
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("cannot read file: %w", err)
		}
		if err := l.lint(filepath.ToSlash(path), data); err != nil {
			return err
		}
	}
	return nil
}

// lint adds the findings of one file.
func (l *linter) lint(path string, data []byte) error {
	blocks, err := text.Read(path, data)
	if err != nil {
		return fmt.Errorf("cannot lint file %q: %w", path, err)
	}
	l.files++
	for _, block := range blocks {
		for i := range l.rules {
			r := &l.rules[i]
			for _, found := range r.Find(block.Text) {
				l.findings = append(l.findings, finding{
					path:    path,
					line:    block.Line(found.Offset),
					rule:    r.Name,
					level:   r.Level,
					message: found.Message,
					phrase:  found.Phrase,
				})
			}
		}
	}
	return nil
}

// report prints the findings outside the list of paths to do, and says whether the run failed.
func (l *linter) report(out io.Writer, warnings bool) bool {
	slices.SortStableFunc(l.findings, func(a, b finding) int {
		if a.path != b.path {
			return strings.Compare(a.path, b.path)
		}
		return a.line - b.line
	})
	count := map[string]int{}
	for _, f := range l.findings {
		if l.skips.covers(f) {
			continue
		}
		count[f.level]++
		if f.level == rule.Error || warnings {
			fmt.Fprintf(out, "%s:%d: %s: %s (%s)\n", f.path, f.line, f.level, f.message, f.rule)
		}
	}
	clean := l.skips.clean()
	for _, path := range clean {
		fmt.Fprintf(out, "%s: error: path %q has no error left; remove it from the list\n", l.skips.file, path)
	}
	fmt.Fprintf(out, "%d files: %d errors, %d warnings; %d paths still to do\n",
		l.files, count[rule.Error], count[rule.Warning], len(l.skips.paths)-len(clean))
	return count[rule.Error] > 0 || len(clean) > 0
}
