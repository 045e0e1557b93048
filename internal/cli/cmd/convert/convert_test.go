package convert

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const (
	earlier  = "apiVersion: tekton.dev/v1beta1 # old\nkind: Task\n"
	now      = "apiVersion: tekton.dev/v1 # old\nkind: Task\n"
	hopeless = "apiVersion: tekton.dev/v1beta1\nkind: ClusterTask\n"
)

// TestRun converts files a.yaml and b.yaml in a folder.
func TestRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		a, b   string
		flags  []string
		code   clierror.Code
		out    string
		wantA  string
		errs   []string
	}{
		"Print": {
			reason: "standard output has all files, and the files stay",
			a:      earlier, b: now, wantA: earlier,
			out:  now + "---\n" + now,
			errs: []string{"a.yaml:1:13: Task apiVersion: tekton.dev/v1beta1 replaced with tekton.dev/v1"},
		},
		"InPlace": {
			reason: "the file that changes is written",
			flags:  []string{"-i"},
			a:      earlier, b: now, wantA: now,
			errs: []string{"2 files: 1 file to write"},
		},
		"InPlaceNothing": {
			reason: "nothing is written if nothing changes",
			flags:  []string{"--in-place"},
			a:      now, b: now, wantA: now,
			errs: []string{"2 files: nothing to convert"},
		},
		"InPlaceRefused": {
			reason: "no file is written if one cannot be converted",
			flags:  []string{"-i"},
			a:      earlier, b: hopeless, wantA: earlier,
			code: clierror.Unusable,
			errs: []string{"error: ", "b.yaml:1:13: ClusterTask apiVersion: ", "2 files: 1 place cannot be converted; no file was written"},
		},
		"CheckChanged": {
			reason: "a file that would change fails the check, and is not written",
			flags:  []string{"--check"},
			a:      earlier, b: now, wantA: earlier,
			code: clierror.RunFailed,
			errs: []string{"2 files: 1 file would change"},
		},
		"CheckCurrent": {
			reason: "current files pass the check",
			flags:  []string{"--check"},
			a:      now, b: now, wantA: now,
		},
		"CheckRefused": {
			reason: "what cannot be converted fails the check with another status",
			flags:  []string{"--check"},
			a:      now, b: hopeless, wantA: now,
			code: clierror.Unusable,
		},
		"CheckInPlace": {
			reason: "the flags contradict each other",
			flags:  []string{"--check", "-i"},
			a:      earlier, b: now, wantA: earlier,
			code: clierror.Unusable,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			a, b := filepath.Join(folder, "a.yaml"), filepath.Join(folder, "b.yaml")
			write(t, a, c.a, 0o640)
			write(t, b, c.b, 0o600)
			out, errs, code := run(t, "", append(c.flags, folder)...)
			if code != c.code || out != c.out {
				t.Errorf("%s: want status %d and %q, got %d and %q", c.reason, c.code, c.out, code, out)
			}
			for _, want := range c.errs {
				if !strings.Contains(errs, want) {
					t.Errorf("%s: want %q in\n%s", c.reason, want, errs)
				}
			}
			if diff := cmp.Diff(c.wantA, read(t, a, 0o640)); diff != "" {
				t.Errorf("%s: a.yaml\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(c.b, read(t, b, 0o600)); diff != "" {
				t.Errorf("%s: b.yaml\n%s", c.reason, diff)
			}
			if entries, err := os.ReadDir(folder); err != nil || len(entries) != 2 {
				t.Errorf("want no other files, got %v, %v", entries, err)
			}
		})
	}
}

func TestStandardInput(t *testing.T) {
	if out, errs, code := run(t, earlier, "-"); out != now || code != clierror.Success || !strings.Contains(errs, "<standard input>:1:13") {
		t.Errorf("want the converted manifest, got %d, %q, %s", code, out, errs)
	}
	for _, args := range [][]string{{"-", "-"}, {"-i", "-"}} {
		if out, _, code := run(t, earlier, args...); out != "" || code != clierror.Unusable {
			t.Errorf("%v: want it refused, got %d, %q", args, code, out)
		}
	}
}

// TestReplaceLink writes the target of a symbolic link, which stays a link.
func TestReplaceLink(t *testing.T) {
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target.yaml"), filepath.Join(folder, "link.yaml")
	write(t, target, earlier, 0o644)
	if err := os.Symlink("target.yaml", link); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := run(t, "", "-i", link); code != clierror.Success {
		t.Fatal(errs)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("want the link kept, got %v, %v", info, err)
	}
	if got := read(t, target, 0o644); got != now {
		t.Errorf("want the target converted, got %q", got)
	}
}

// TestReplaceChanged leaves a file alone that another program has changed since it was read.
func TestReplaceChanged(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.yaml")
	write(t, name, "changed", 0o644)
	if err := replace(name, []byte(earlier), []byte(now)); err == nil || !strings.Contains(err.Error(), "another program has changed it") {
		t.Errorf("want it refused, got %v", err)
	}
	if got := read(t, name, 0o644); got != "changed" {
		t.Errorf("want the file as it was, got %q", got)
	}
}

func run(t *testing.T, in string, args ...string) (out, errs string, code clierror.Code) {
	t.Helper()
	var outBuffer, errBuffer bytes.Buffer
	c := NewCommand(terminal.Plain(strings.NewReader(in), &outBuffer, &errBuffer))
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	err := c.Execute()
	return outBuffer.String(), errBuffer.String(), clierror.CodeOf(err)
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// read returns the text of a file, which must have the mode.
func read(t *testing.T, name string, mode os.FileMode) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
		t.Errorf("%s: want mode %o, got %v, %v", name, mode, info.Mode(), err)
	}
	return string(text)
}
