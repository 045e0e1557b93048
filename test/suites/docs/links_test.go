package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// index is the page that lists all other pages.
const index = root + "/docs/README.md"

// link is a link from a page to a file of the project.
type link struct {
	// target is the path of the file.
	target string
	// anchor is the part after #, which names a heading.
	anchor string
}

// markdown returns the paths of all pages of the project.
func markdown(t *testing.T) []string {
	t.Helper()
	var pages []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", ".cache", "bin", "testdata", "node_modules"}, entry.Name()):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"):
			pages = append(pages, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// prose returns a page without its fenced blocks.
func prose(text string) string {
	return regexp.MustCompile("(?ms)^ *```.*?^ *```").ReplaceAllString(text, "")
}

// links returns the links of a page to files. Links to other sites are not checked.
func links(page, text string) []link {
	var all []link
	for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(prose(text), -1) {
		if strings.Contains(match[1], "://") {
			continue
		}
		file, anchor, _ := strings.Cut(match[1], "#")
		target := page
		if file != "" {
			target = filepath.Join(filepath.Dir(page), file)
		}
		all = append(all, link{target: target, anchor: anchor})
	}
	return all
}

// anchors returns the anchors of the headings of a page, as GitHub makes them.
func anchors(text string) []string {
	var all []string
	count := map[string]int{}
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(prose(text), -1) {
		title := regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(match[1], "]")
		title = regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(title), "")
		anchor := strings.ReplaceAll(title, " ", "-")
		if n := count[anchor]; n > 0 {
			all = append(all, anchor+"-"+strconv.Itoa(n))
		} else {
			all = append(all, anchor)
		}
		count[anchor]++
	}
	return all
}

// TestLinksLeadSomewhere: a link of a page must lead to a file of the project, and its anchor to a heading there.
func TestLinksLeadSomewhere(t *testing.T) {
	found := 0
	for _, page := range markdown(t) {
		for _, l := range links(page, read(t, page)) {
			found++
			if _, err := os.Stat(l.target); err != nil {
				t.Errorf("%s has a link to %s, which does not exist", page, l.target)
				continue
			}
			if l.anchor != "" && !slices.Contains(anchors(read(t, l.target)), l.anchor) {
				t.Errorf("%s has a link to the heading %q of %s, which does not exist", page, l.anchor, l.target)
			}
		}
	}
	const least = 200
	if found < least {
		t.Errorf("want at least %d links in all pages, got %d", least, found)
	}
}

// parent returns the page that must list a page: the index, or for a command the page of the command above it. It returns ""
// for a page that no other page needs to list: the index itself, and the front pages.
func parent(page string) string {
	dir, name := filepath.Split(page)
	command, isCommand := strings.CutPrefix(name, "sluice_")
	switch {
	case page == index || dir == root+"/" || dir == root+"/.github/" || strings.Contains(dir, "/ISSUE_TEMPLATE/"):
		return ""
	case isCommand && strings.HasSuffix(dir, "/docs/cli/"):
		if last := strings.LastIndex(command, "_"); last > 0 {
			return dir + "sluice_" + command[:last] + ".md"
		}
		return dir + "sluice.md"
	default:
		return index
	}
}

// TestEveryPageIsListed: a reader who starts at the index must find every page.
func TestEveryPageIsListed(t *testing.T) {
	for _, page := range markdown(t) {
		from := parent(page)
		if from == "" {
			continue
		}
		listed := slices.ContainsFunc(links(from, read(t, from)), func(l link) bool { return l.target == page })
		if !listed {
			t.Errorf("%s does not list %s: add a line with its purpose", from, page)
		}
	}
}

func TestAnchors(t *testing.T) {
	cases := map[string]struct {
		reason string
		page   string
		want   string
	}{
		"Plain":   {reason: "Spaces become hyphens.", page: "## What it costs\n", want: "what-it-costs"},
		"Code":    {reason: "Punctuation is dropped.", page: "### `taskRef`, or not\n", want: "taskref-or-not"},
		"Link":    {reason: "The target of a link is dropped.", page: "## [A](b.md) c\n", want: "a-c"},
		"Twice":   {reason: "A second heading of a name is numbered.", page: "## A\n## A\n", want: "a a-1"},
		"Comment": {reason: "A comment in a block is no heading.", page: "## A\n```shell\n# b\n```\n", want: "a"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(anchors(tc.page), " "); got != tc.want {
				t.Errorf("%s\nwant %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
