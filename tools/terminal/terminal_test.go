package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "draw the pictures of the pages again")

// project is the folder of the source, from this package.
const project = "../.."

// TestPicturesOfPages: the pictures in docs show the blocks of the pages. With -update it draws them.
func TestPicturesOfPages(t *testing.T) {
	if *update {
		if err := run([]string{project}); err != nil {
			t.Fatal(err)
		}
	}
	drawn, err := pictures(project)
	if err != nil {
		t.Fatal(err)
	}
	if len(drawn) == 0 {
		t.Error("no page has a session")
	}
	for path, picture := range drawn {
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(have), picture); diff != "" {
			t.Errorf("%s does not show the page; draw it again: (cd tools && go run ./terminal ..)\n%s", path, diff)
		}
	}
}

func TestSessionsOf(t *testing.T) {
	const block = "```console\n$ a\nb\n\nc\n```\n"
	cases := map[string]struct {
		page    string
		want    []session
		refusal string
	}{
		"Marked": {
			page: "text\n\n<!-- terminal: ../p.svg | A & B -->\n" + block + "more\n" + block,
			want: []session{{file: "../p.svg", title: "A & B", lines: []string{"$ a", "b", "", "c"}}},
		},
		"None": {
			page: "text\n\n" + block,
		},
		"NoBlock": {
			page:    "<!-- terminal: p.svg | A -->\n\n" + block,
			refusal: "the mark of p.svg is not followed by a block of kind console",
		},
		"NoEnd": {
			page:    "<!-- terminal: p.svg | A -->\n```console\n$ a\n",
			refusal: "the block of p.svg has no end",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := sessionsOf(tc.page)
			if tc.refusal == "" && err != nil || tc.refusal != "" && (err == nil || !strings.Contains(err.Error(), tc.refusal)) {
				t.Errorf("want an error with %q, got %v", tc.refusal, err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(session{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDraw(t *testing.T) {
	got := draw(session{title: "A <Task> & more", lines: []string{"$ sluice run", "", "  ✗ x: failed", "hint: <y>"}})
	if again := draw(session{title: "A <Task> & more", lines: []string{"$ sluice run", "", "  ✗ x: failed", "hint: <y>"}}); again != got {
		t.Error("the same session has two pictures")
	}
	for decoder := xml.NewDecoder(strings.NewReader(got)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is not XML: %v", err)
		}
	}
	for _, want := range []string{
		`<title id="title">A &lt;Task&gt; &amp; more</title>`, "<desc id=\"desc\">$ sluice run\n\n", `class="command"`, `class="bad"`,
		`class="note"`, "prefers-color-scheme:dark",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in:\n%s", want, got)
		}
	}
}

func TestRun(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	page := "<!-- terminal: p.svg | A -->\n```console\n$ a\n```\n"
	if err := os.WriteFile(filepath.Join(folder, "docs", "page.md"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{folder}); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(filepath.Join(folder, "docs", "p.svg"))
	if err != nil || !strings.Contains(string(picture), ">$ a</text>") {
		t.Errorf("want the picture of the page, got %q, %v", picture, err)
	}
	if err := run(nil); !errors.Is(err, errUsage) {
		t.Errorf("want the usage, got %v", err)
	}
}
