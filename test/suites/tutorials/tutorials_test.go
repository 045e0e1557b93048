package tutorials

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	// root is the folder of the project, relative to this one.
	root = "../../.."
	// folder is the folder of the tutorials.
	folder = root + "/docs/tutorials/"
)

func TestSteps(t *testing.T) {
	const page = "# A page\n\n## First\n\n```console\n$ ls   # lists\na\nb\n$ true\n```\n\n" +
		"<!-- file: a.yaml -->\n```yaml\nkind: Task\n```\n\n" +
		"## Second\n\n<!-- not run: it needs another machine -->\n```console\n$ halt\n```\n\n" +
		"Install it.\n\n<!-- run: install --quietly & -->\n\n" +
		"```shell\nnot a session\n```\n"
	want := []step{
		{section: "First", line: 6, command: "ls   # lists", output: []string{"a", "b"}},
		{section: "First", line: 9, command: "true"},
		{section: "First", line: 13, file: "a.yaml", output: []string{"kind: Task"}},
		{section: "Second", line: 26, command: "install --quietly &", hidden: true},
	}
	got, err := steps(page)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{})); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestStepsOfABrokenPage(t *testing.T) {
	cases := map[string]struct {
		reason string
		page   string
		want   string
	}{
		"NoCommand": {reason: "Output without a command.", page: "```console\na\n```\n", want: "line 2: output \"a\" has no command"},
		"NoEnd":     {reason: "A block without an end.", page: "```console\n$ ls\n", want: "has no end"},
		"NoName":    {reason: "A file without a name.", page: "<!-- file: -->\n```yaml\n```\n", want: "line 1: cannot read the comment"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := steps(tc.page); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	cases := map[string]struct {
		reason string
		page   string
		run    string
		want   string
	}{
		"Equal": {
			reason: "The same lines.",
			page:   "a\nb",
			run:    "a\nb",
		},
		"Duration": {
			reason: "Durations, and the width of a column with them, may differ.",
			page:   "✓ greet-qvjs7   succeeded after 2s",
			run:    "✓ greet-z9xw4  succeeded after 12s",
		},
		"Progress": {
			reason: "A fast run prints no progress.",
			page:   "task/a: waiting (Pending)\ntask/a: running\ndone",
			run:    "done",
		},
		"Ellipsis": {
			reason: "Lines that are left out.",
			page:   "a\n…\nd",
			run:    "a\nb\nc\nd",
		},
		"EllipsisAtTheEnd": {
			reason: "Lines that are left out at the end.",
			page:   "a\n…",
			run:    "a\nb\nc",
		},
		"SameName": {
			reason: "A name is the same everywhere.",
			page:   "run/a-bcdfg\nrun/a-bcdfg", //nolint:dupword // one name twice
			run:    "run/a-hjklm\nrun/a-npqrs",
			want:   `want the line "run/a-bcdfg", got "run/a-npqrs"`,
		},
		"ShortDigest": {
			reason: "A short digest is the beginning of the long one.",
			page:   "x 0123456789ab\ny sha256:0123456789abcdef",
			run:    "x aaaaaaaaaaaa\ny sha256:aaaaaaaaaaabcdef",
			want:   `want the line "y sha256:0123456789abcdef"`,
		},
		"OtherWord": {
			reason: "A word differs.",
			page:   "taskrun/a: succeeded",
			run:    "taskrun/a: failed",
			want:   `got "taskrun/a: failed"`,
		},
		"Less": {
			reason: "A line is missing.",
			page:   "a\nb",
			run:    "a",
			want:   `want the line "b", and the output has ended`,
		},
		"More": {
			reason: "An additional line.",
			page:   "a",
			run:    "a\nb",
			want:   `want the end of the output, got the line "b"`,
		},
		"NeverAfterEllipsis": {
			reason: "The line after those that are left out does not come.",
			page:   "…\nz",
			run:    "a\nb",
			want:   "does not come",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := bindings{}.compare(strings.Split(tc.page, "\n"), strings.Split(tc.run, "\n"))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// TestNamesInCommands: a command with a name of the page runs with the name of the run.
func TestNamesInCommands(t *testing.T) {
	b := bindings{}
	if err := b.compare([]string{"taskrun/greet-qvjs7 created"}, []string{"taskrun/greet-z9xw4 created"}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.apply("sluice explain greet-qvjs7"), "sluice explain greet-z9xw4"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}

// tutorials returns the pages of tutorials, in the order in which they run.
func tutorials() []string {
	return []string{"first-run.md", "large-results.md", "side-by-side.md", "git.md"}
}

// TestTutorialsCanBeRead: every tutorial has commands with an output to compare.
func TestTutorialsCanBeRead(t *testing.T) {
	for _, name := range tutorials() {
		page, err := os.ReadFile(folder + name)
		if err != nil {
			t.Fatal(err)
		}
		all, err := steps(string(page))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		compared := 0
		for _, s := range all {
			if len(s.output) > 0 && s.file == "" {
				compared++
			}
		}
		if compared < 3 {
			t.Errorf("%s: want at least 3 commands with an output, got %d", name, compared)
		}
	}
}
