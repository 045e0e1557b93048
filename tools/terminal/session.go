package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// mark precedes the block that is drawn.
var mark = regexp.MustCompile(`(?m)^<!-- terminal: (\S+) \| (.+) -->\n`)

const (
	blockBegin = "```console\n"
	blockEnd   = "\n```\n"
)

// session is one picture.
type session struct {
	file, title string
	lines       []string
}

// pictures returns the pictures of all pages below docs in a project, by path.
func pictures(project string) (map[string]string, error) {
	docs := filepath.Join(project, "docs")
	root, err := os.OpenRoot(docs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	drawn := map[string]string{}
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := root.ReadFile(path)
		if err != nil {
			return err
		}
		sessions, err := sessionsOf(string(text))
		if err != nil {
			return fmt.Errorf("cannot draw the sessions of %q: %w", path, err)
		}
		for _, s := range sessions {
			drawn[filepath.Join(docs, filepath.Dir(path), filepath.FromSlash(s.file))] = draw(s)
		}
		return nil
	})
	return drawn, err
}

// sessionsOf returns the marked blocks of a page.
func sessionsOf(page string) ([]session, error) {
	var sessions []session
	for _, at := range mark.FindAllStringSubmatchIndex(page, -1) {
		s := session{file: page[at[2]:at[3]], title: page[at[4]:at[5]]}
		rest, ok := strings.CutPrefix(page[at[1]:], blockBegin)
		if !ok {
			return nil, fmt.Errorf("the mark of %s is not followed by a block of kind console", s.file)
		}
		block, _, ok := strings.Cut(rest, blockEnd)
		if !ok {
			return nil, fmt.Errorf("the block of %s has no end", s.file)
		}
		s.lines = strings.Split(block, "\n")
		sessions = append(sessions, s)
	}
	return sessions, nil
}
