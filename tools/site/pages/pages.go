// Package pages writes the Markdown of the project into a folder from which the generator of the site reads.
//
// A page keeps its path, and README.md becomes index.md. The files and folders of the project to which pages link become pages
// in the folder source, so that no link leaves the site. Pictures are copied.
package pages

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// index is the page of the project that lists the others, in the sections of the sidebar.
const index = "docs/README.md"

// site is the work of one call of Write. Paths have slashes and are relative to the project, or to the folder of the site.
type site struct {
	project fs.FS
	out     string
	// pages has the path in the site of each page of the project.
	pages map[string]string
	// sources has the files and folders that become pages in the folder source, in the order in which they were found.
	sources []string
	// pictures has the pictures that pages show.
	pictures []string
	// broken has a line for each link to a file that does not exist.
	broken []string
}

// Write writes the pages of the project, and nav.json for the sidebar, into a folder. It returns an error with all links to files
// that do not exist.
func Write(project, out string) error {
	s := &site{project: os.DirFS(project), out: out, pages: map[string]string{}}
	if err := s.collect(); err != nil {
		return err
	}
	for _, page := range slices.Sorted(maps.Keys(s.pages)) {
		text, err := fs.ReadFile(s.project, page)
		if err != nil {
			return fmt.Errorf("cannot read the page %q: %w", page, err)
		}
		if err := s.write(s.pages[page], s.rewrite(page, string(text))); err != nil {
			return err
		}
	}
	if err := s.writeSources(); err != nil {
		return err
	}
	if err := s.copyPictures(); err != nil {
		return err
	}
	if err := s.writeNav(); err != nil {
		return err
	}
	if len(s.broken) > 0 {
		return errors.New("cannot find the targets of links:\n" + strings.Join(s.broken, "\n"))
	}
	return nil
}

// collect finds the pages: the Markdown in the root, and below docs, config and examples.
func (s *site) collect() error {
	err := fs.WalkDir(s.project, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			top, _, _ := strings.Cut(name, "/")
			if !slices.Contains([]string{".", "docs", "config", "examples"}, top) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".md") {
			s.pages[name] = sitePath(name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot list the pages of the project: %w", err)
	}
	return nil
}

// sitePath returns the path of a page in the site. The generator makes the page of a folder from index.md.
func sitePath(page string) string {
	if path.Base(page) == "README.md" {
		return path.Join(path.Dir(page), "index.md")
	}
	return page
}

// copyPictures copies the pictures of the pages, with their paths.
func (s *site) copyPictures() error {
	for _, picture := range s.pictures {
		data, err := fs.ReadFile(s.project, picture)
		if err != nil {
			return fmt.Errorf("cannot read the picture %q: %w", picture, err)
		}
		if err := s.write(picture, string(data)); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file of the site.
func (s *site) write(name, text string) error {
	file := filepath.Join(s.out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("cannot create the folder of %q: %w", name, err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("cannot write %q: %w", name, err)
	}
	return nil
}
