package pages

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// link matches the end of a Markdown link or picture, with its target.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// rewrite returns the text of a page with links for the site. It leaves blocks of code as they are.
func (s *site) rewrite(page, text string) string {
	var out strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		mark := fenceOf(line)
		switch {
		case fence == "" && mark != "":
			fence = mark
		case fence != "" && strings.HasPrefix(mark, fence):
			fence = ""
		case fence == "":
			line = link.ReplaceAllStringFunc(line, func(match string) string {
				return "](" + s.target(page, link.FindStringSubmatch(match)[1]) + ")"
			})
		}
		out.WriteString(line)
	}
	return out.String()
}

// fenceOf returns the backquotes or tildes with which a block of code begins or ends in a line, or "".
func fenceOf(line string) string {
	line = strings.TrimSpace(line)
	for _, mark := range []string{"`", "~"} {
		if length := len(line) - len(strings.TrimLeft(line, mark)); length >= 3 {
			return line[:length]
		}
	}
	return ""
}

// target returns the target of a link of a page in the site. It records what the link needs, or that it is broken.
func (s *site) target(page, to string) string {
	file, anchor, found := strings.Cut(to, "#")
	if strings.Contains(to, ":") || file == "" {
		return to
	}
	full := path.Join(path.Dir(page), file)
	if _, err := fs.Stat(s.project, full); err != nil {
		s.broken = append(s.broken, fmt.Sprintf("%s: %s", page, to))
		return to
	}
	if isPicture(full) {
		s.pictures = once(s.pictures, full)
		return to
	}
	if found {
		return s.locate(full) + "#" + anchor
	}
	return s.locate(full)
}

// locate returns the path in the site of a file or folder of the project. What is no page becomes one.
func (s *site) locate(full string) string {
	for _, candidate := range []string{full, path.Join(full, "README.md")} {
		if page, ok := s.pages[candidate]; ok {
			return "/" + page
		}
	}
	s.sources = once(s.sources, full)
	return "/" + sourcePath(full)
}

// isPicture reports whether a file is a picture.
func isPicture(name string) bool {
	return slices.Contains([]string{".svg", ".png"}, path.Ext(name))
}

// once returns a list with a name, which it adds if it is missing.
func once(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}
