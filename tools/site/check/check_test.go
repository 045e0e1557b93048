package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/tools/site/check"
)

// TestDir: a link that leads nowhere fails the site, and so does a page that loads something from another host.
func TestDir(t *testing.T) {
	cases := map[string]struct {
		reason string
		page   string
		want   string
	}{
		"Links": {
			reason: "A page, a page in a folder, a place, a file and other hosts.",
			page: `<a href="/b.html">b</a><a href="docs/">d</a><a href="./b.html#end">e</a>` +
				`<a href="https://example.com/#x">x</a><img src="/p.svg">`,
		},
		"OwnPlace": {
			reason: "A place of the same page.",
			page:   `<h2 id="a-place">A place</h2><a href="#a-place">link</a>`,
		},
		"NoPage": {
			reason: "A page that does not exist.",
			page:   `<a href="./c.html">c</a>`,
			want:   "a.html: ./c.html: the file does not exist",
		},
		"NoPlace": {
			reason: "A place that the other page does not have.",
			page:   `<a href="/b.html#middle">b</a>`,
			want:   "a.html: /b.html#middle: the page has no such place",
		},
		"NoOwnPlace": {
			reason: "A place that the page does not have.",
			page:   `<a href="#none">link</a>`,
			want:   "a.html: #none: the page has no such place",
		},
		"NoPicture": {
			reason: "A picture that does not exist.",
			page:   `<img src="/other.svg">`,
			want:   "a.html: /other.svg: the file does not exist",
		},
		"NoFolder": {
			reason: "A folder without a page.",
			page:   `<a href="/empty/">folder</a>`,
			want:   "a.html: /empty/: the file does not exist",
		},
		"OtherHost": {
			reason: "A program from another host.",
			page:   `<script src="https://cdn.example.com/a.js"></script>`,
			want:   "https://cdn.example.com/a.js: the page loads a file from another host",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, folder, "a.html", tc.page)
			write(t, folder, "b.html", `<a name="end"></a>`)
			write(t, folder, "docs/index.html", `<a href="../b.html">b</a>`)
			write(t, folder, "empty/file.txt", "")
			write(t, folder, "p.svg", "")
			err := check.Dir(folder)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// TestEmptySite: a folder without a page is no site, so its links are not right.
func TestEmptySite(t *testing.T) {
	if err := check.Dir(t.TempDir()); err == nil || !strings.Contains(err.Error(), "it has no page") {
		t.Errorf("want an error for a site without a page, got %v", err)
	}
}

// write writes a file of a site.
func write(t *testing.T, folder, name, text string) {
	t.Helper()
	file := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
