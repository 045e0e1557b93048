package pages

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// entry is an entry of the sidebar, in the form that the generator reads: a page, or a section with pages.
type entry struct {
	Text      string  `json:"text"`
	Link      string  `json:"link,omitempty"`
	Collapsed bool    `json:"collapsed,omitempty"`
	Items     []entry `json:"items,omitempty"`
}

// row matches a row of the index: a link in the first cell, and what the page is about in the second one.
var row = regexp.MustCompile(`^\| \[([^\]]+)\]\(([^)#]+)\) \| (.+) \|$`)

// writeNav writes the sidebar into nav.json: the front page, the sections of the index, the commands, and the other pages of the
// root.
func (s *site) writeNav() error {
	text, err := fs.ReadFile(s.project, index)
	if err != nil {
		return fmt.Errorf("cannot read the index of the pages: %w", err)
	}
	all := []entry{{Text: "Start", Items: []entry{{Text: "What Sluice is", Link: "/"}, {Text: "All pages", Link: "/docs/"}}}}
	for _, section := range s.sections(string(text)) {
		all = append(all, section)
		if section.Text == "Reference" {
			all = append(all, s.group("Commands", "docs/cli/"))
		}
	}
	data, err := json.MarshalIndent(append(all, s.group("Project", "")), "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the sidebar: %w", err)
	}
	return s.write("nav.json", string(data)+"\n")
}

// sections returns the sections of the index that have rows with pages.
func (s *site) sections(text string) []entry {
	var all []entry
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			all = append(all, entry{Text: title, Collapsed: title == "Design decisions"})
			continue
		}
		found := row.FindStringSubmatch(line)
		if found == nil || len(all) == 0 {
			continue
		}
		title, page := found[1], path.Join(path.Dir(index), found[2])
		if strings.Trim(title, "0123456789") == "" { // a design note: the row has its number
			title += ". " + found[3]
		}
		if _, ok := s.pages[page]; ok {
			section := &all[len(all)-1]
			section.Items = append(section.Items, entry{Text: title, Link: pageLink(page)})
		}
	}
	return slices.DeleteFunc(all, func(section entry) bool { return len(section.Items) == 0 })
}

// group returns a collapsed section with all pages of one folder, by the names of their files.
func (s *site) group(title, folder string) entry {
	section := entry{Text: title, Collapsed: true}
	for _, page := range slices.Sorted(maps.Keys(s.pages)) {
		dir, name := path.Split(page)
		if dir == folder && name != "README.md" {
			name = strings.ReplaceAll(strings.TrimSuffix(name, ".md"), "_", " ")
			section.Items = append(section.Items, entry{Text: name, Link: pageLink(page)})
		}
	}
	return section
}

// pageLink returns the link from the sidebar to a page of the project.
func pageLink(page string) string {
	return "/" + strings.TrimSuffix(strings.TrimSuffix(sitePath(page), ".md"), "index")
}
