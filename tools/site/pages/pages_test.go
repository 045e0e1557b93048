package pages_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/tools/site/pages"
)

// project returns a folder with a small project, in which one page has the given text.
func project(t *testing.T, page string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"README.md":             "# Project\n",
		"docs/README.md":        "# Docs\n\n## Reference\n\n| page | what |\n|---|---|\n| [Page](page.md) | a page |\n",
		"docs/page.md":          page,
		"docs/cli/tool_run.md":  "# tool run\n",
		"docs/picture.svg":      "<svg/>",
		"examples/README.md":    "# Examples\n",
		"examples/a/run.yaml":   "kind: Run\n",
		"internal/README.md":    "# No page of the site\n",
		"internal/code/code.go": "package code\n",
	} {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLinks: each link of a page leads to a page of the site, and code stays as it is.
func TestLinks(t *testing.T) {
	cases := map[string]struct {
		reason string
		page   string
		want   string
	}{
		"Page": {
			reason: "Another page.",
			page:   "[a](cli/tool_run.md)",
			want:   "[a](/docs/cli/tool_run.md)",
		},
		"Anchor": {
			reason: "A place in a page.",
			page:   "[a](../README.md#start)",
			want:   "[a](/index.md#start)",
		},
		"Own": {
			reason: "A place in the same page.",
			page:   "[a](#b)",
			want:   "[a](#b)",
		},
		"Folder": {
			reason: "A folder with a page.",
			page:   "[a](../examples)",
			want:   "[a](/examples/index.md)",
		},
		"File": {
			reason: "A file becomes a page.",
			page:   "[a](../examples/a/run.yaml)",
			want:   "[a](/source/examples/a/run.yaml.md)",
		},
		"Code": {
			reason: "A folder without a page.",
			page:   "[a](../internal/code)",
			want:   "[a](/source/internal/code.md)",
		},
		"Picture": {
			reason: "A picture keeps its place.",
			page:   "![a](picture.svg)",
			want:   "![a](picture.svg)",
		},
		"Host": {
			reason: "Another host.",
			page:   "[a](https://example.com/b.md)",
			want:   "[a](https://example.com/b.md)",
		},
		"Block": {
			reason: "A block of code.",
			page:   "```\n[a](b.md)\n```",
			want:   "```\n[a](b.md)\n```",
		},
		"InABlock": {
			reason: "A fence in a longer one.",
			page:   "````\n```\n[a](b.md)\n````",
			want:   "````\n```\n[a](b.md)\n````",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			if err := pages.Write(project(t, tc.page+"\n"), out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want+"\n", read(t, out, "docs", "page.md")); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestBrokenLink: a link to a file that does not exist fails, and the error names the page and the link.
func TestBrokenLink(t *testing.T) {
	err := pages.Write(project(t, "[a](missing.md)\n"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "docs/page.md: missing.md") {
		t.Errorf("want an error that names the page and the link, got %v", err)
	}
}

// TestSources: a file is shown as code, and the page of a folder leads to its files.
func TestSources(t *testing.T) {
	out := t.TempDir()
	if err := pages.Write(project(t, "[a](../internal) ![b](picture.svg)\n"), out); err != nil {
		t.Fatal(err)
	}
	const head = "---\nsearch: false\n---\n"
	for name, want := range map[string]string{
		"source/internal.md": head + "# internal\n\n- [README.md](/source/internal/README.md.md)\n" +
			"- [code](/source/internal/code.md)\n",
		"source/internal/code.md":         head + "# internal/code\n\n- [code.go](/source/internal/code/code.go.md)\n",
		"source/internal/code/code.go.md": head + "# internal/code/code.go\n\n~~~~~~~~go\npackage code\n~~~~~~~~\n",
		"docs/picture.svg":                "<svg/>",
	} {
		if diff := cmp.Diff(want, read(t, out, filepath.FromSlash(name))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestNav: the sidebar has the front page, the sections of the index, the commands, and the other pages of the root.
func TestNav(t *testing.T) {
	out := t.TempDir()
	if err := pages.Write(project(t, "# Page\n"), out); err != nil {
		t.Fatal(err)
	}
	nav := read(t, out, "nav.json")
	for _, want := range []string{`"link": "/"`, `"text": "Reference"`, `"link": "/docs/page"`, `"text": "tool run"`} {
		if !strings.Contains(nav, want) {
			t.Errorf("want %s in the sidebar, got:\n%s", want, nav)
		}
	}
}
