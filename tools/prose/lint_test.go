package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun: what the program prints, and its exit code.
func TestRun(t *testing.T) {
	const dirty, clean, long = "It is told.\n", "It is reported.\n", "word "
	cases := map[string]struct {
		reason string
		files  map[string]string
		todo   string
		args   []string
		code   int
		output string
	}{
		"Finding": {
			reason: "A finding names the file, the line and what to write.",
			files:  map[string]string{"a.md": "# Title\n\n" + dirty},
			code:   1,
			output: `a.md:3: error: Write "reported, recorded, configured or asked" instead of "told". (Report)`,
		},
		"Clean": {
			reason: "Without a finding the run passes.",
			files:  map[string]string{"a.md": clean},
			code:   0,
			output: "1 files: 0 errors, 0 warnings; 0 paths still to do",
		},
		"WarningHidden": {
			reason: "A warning is counted and fails nothing.",
			files:  map[string]string{"a.md": strings.Repeat(long, 31)},
			code:   0,
			output: "1 files: 0 errors, 1 warnings; 0 paths still to do",
		},
		"WarningShown": {
			reason: "With -warnings it is printed.",
			files:  map[string]string{"a.md": strings.Repeat(long, 31)},
			args:   []string{"-warnings"},
			code:   0,
			output: "a.md:1: warning: Split the sentence of 31 words; aim for 20, at most 30. (SentenceLength)",
		},
		"ToDo": {
			reason: "A folder and a file in the list are skipped.",
			files:  map[string]string{"a/b/c.md": dirty, "d.md": dirty},
			todo:   "# A comment.\n\nFOLDER/a # one more\nFOLDER/d.md\n",
			code:   0,
			output: "2 files: 0 errors, 0 warnings; 2 paths still to do",
		},
		"ToDoOther": {
			reason: "A name that begins as a path of the list is not covered.",
			files:  map[string]string{"a/b.md": dirty, "ab/c.md": dirty},
			todo:   "FOLDER/a\n",
			code:   1,
			output: "ab/c.md:1: error:",
		},
		"ToDoDone": {
			reason: "The list only shrinks: a path without an error must leave it.",
			files:  map[string]string{"a/b.md": clean, "c.md": dirty},
			todo:   "FOLDER/a\nFOLDER/c.md\n",
			code:   1,
			output: `a" has no error left; remove it from the list`,
		},
		"ToDoWarning": {
			reason: "Warnings do not keep a path in the list.",
			files:  map[string]string{"a.md": strings.Repeat(long, 31)},
			todo:   "FOLDER/a.md\n",
			code:   1,
			output: `a.md" has no error left; remove it from the list`,
		},
		"Skipped": {
			reason: "Inputs of tests are not prose of the project.",
			files:  map[string]string{"testdata/a.md": dirty, "bin/b.md": dirty, "c.txt": dirty},
			code:   0,
			output: "0 errors",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, content := range tc.files {
				write(t, filepath.Join(folder, file), content)
			}
			list := filepath.Join(t.TempDir(), "todo.txt")
			write(t, list, strings.ReplaceAll(tc.todo, "FOLDER", filepath.ToSlash(folder)))
			var out bytes.Buffer
			code, err := run(append(append([]string{"-rules", projectRules, "-todo", list}, tc.args...), folder), &out)
			if err != nil {
				t.Fatalf("%s\nrun(): %v", tc.reason, err)
			}
			if code != tc.code || !strings.Contains(out.String(), tc.output) {
				t.Errorf("%s\nrun(): got code %d and output:\n%swant code %d and %q", tc.reason, code, out.String(), tc.code, tc.output)
			}
		})
	}
}

// TestRunRefuses: what cannot be read is an error, never an empty list of findings.
func TestRunRefuses(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "broken.go"), "package\n")
	cases := map[string]struct {
		args []string
		want string
	}{
		"NoRules": {
			args: []string{"-rules", t.TempDir(), "."},
			want: "cannot find a rule: no *.yml in folder",
		},
		"NoPath": {
			args: []string{"-rules", projectRules, filepath.Join(folder, "gone")},
			want: "cannot read path",
		},
		"NoList": {
			args: []string{"-rules", projectRules, "-todo", filepath.Join(folder, "gone"), folder},
			want: "cannot read the list of paths to do",
		},
		"BrokenGo": {
			args: []string{"-rules", projectRules, folder},
			want: "cannot lint file",
		},
		"UnknownFlag": {
			args: []string{"-fast"},
			want: "cannot parse the command line",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			code, err := run(tc.args, &bytes.Buffer{})
			if code != 2 || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("run(): got code %d and error %v, want 2 and %q", code, err, tc.want)
			}
		})
	}
}
