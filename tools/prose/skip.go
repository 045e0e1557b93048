package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/sluice-ci/sluice/tools/prose/rule"
)

// skipList is the list of paths whose errors are accepted for now.
type skipList struct {
	file   string
	paths  []string
	errors map[string]int
}

// readSkipList reads a list with one path a line; # begins a comment. A path covers a file, or all files below a folder. Without
// a file the list is empty.
func readSkipList(file string) (skipList, error) {
	list := skipList{file: file, errors: map[string]int{}}
	if file == "" {
		return list, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return list, fmt.Errorf("cannot read the list of paths to do: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		path, _, _ := strings.Cut(line, "#")
		if path = strings.TrimSpace(path); path != "" {
			list.paths = append(list.paths, path)
		}
	}
	return list, nil
}

// covers reports whether a finding is in the list, and counts it if it is an error.
func (s skipList) covers(f finding) bool {
	for _, path := range s.paths {
		if f.path == path || strings.HasPrefix(f.path, path+"/") {
			if f.level == rule.Error {
				s.errors[path]++
			}
			return true
		}
	}
	return false
}

// clean returns the paths of the list that cover no error.
func (s skipList) clean() []string {
	var clean []string
	for _, path := range s.paths {
		if s.errors[path] == 0 {
			clean = append(clean, path)
		}
	}
	return clean
}
