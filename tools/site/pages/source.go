package pages

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// sourcePath returns the path in the site of a file or folder of the project.
func sourcePath(name string) string { return "source/" + name + ".md" }

// writeSources writes a page for each file and folder to which a page links. The page of a folder links to its entries, which
// become pages, too.
func (s *site) writeSources() error {
	for next := 0; next < len(s.sources); { // a folder adds its entries
		name := s.sources[next]
		next++
		info, err := fs.Stat(s.project, name)
		if err != nil {
			return fmt.Errorf("cannot read %q: %w", name, err)
		}
		var text string
		if info.IsDir() {
			text, err = s.folder(name)
		} else {
			text, err = s.file(name)
		}
		if err != nil {
			return err
		}
		// The search of the site leaves these pages out: they are examples and code.
		if err := s.write(sourcePath(name), "---\nsearch: false\n---\n# "+name+"\n\n"+text); err != nil {
			return err
		}
	}
	return nil
}

// folder returns the text of the page of a folder: a list of its entries.
func (s *site) folder(name string) (string, error) {
	entries, err := fs.ReadDir(s.project, name)
	if err != nil {
		return "", fmt.Errorf("cannot list the folder %q: %w", name, err)
	}
	var out strings.Builder
	for _, entry := range entries {
		full := path.Join(name, entry.Name())
		if isPicture(full) {
			continue
		}
		fmt.Fprintf(&out, "- [%s](%s)\n", entry.Name(), s.locate(full))
	}
	return out.String(), nil
}

// file returns the text of the page of a file: one block of code.
func (s *site) file(name string) (string, error) {
	text, err := fs.ReadFile(s.project, name)
	if err != nil {
		return "", fmt.Errorf("cannot read the file %q: %w", name, err)
	}
	const fence = "~~~~~~~~"
	language := strings.TrimPrefix(path.Ext(name), ".")
	return fence + language + "\n" + strings.TrimSuffix(string(text), "\n") + "\n" + fence + "\n", nil
}
