package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newProject returns a repository with one commit, and a release of it that is admitted.
func newProject(t *testing.T) release {
	t.Helper()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "CHANGELOG.md"), "# Changelog\n\n## Unreleased\n\n- A line.\n")
	writeFile(t, filepath.Join(folder, ".gitignore"), "/dist/\n")
	inGit(t, folder, "init", "--quiet")
	inGit(t, folder, "add", ".")
	commit(t, folder, "project: begin")
	return release{
		Version: "v1.2.3", Project: folder, Dist: filepath.Join(folder, "dist"), Repository: "registry.example.com/sluice", Progress: io.Discard,
	}
}

func inGit(t *testing.T, folder string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", folder}, args...)...)
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func commit(t *testing.T, folder, subject string) {
	t.Helper()
	inGit(t, folder, "commit", "--quiet", "--allow-empty", "--message", subject)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAdmitVersion(t *testing.T) {
	cases := map[string]struct {
		version string
		refusal string
	}{
		"Final":         {version: "v1.2.3"},
		"PreRelease":    {version: "v0.2.0-rc.1"},
		"Empty":         {version: "", refusal: "VERSION=v1.2.3"},
		"NoV":           {version: "1.2.3", refusal: `"1.2.3": it has no leading v; write v1.2.3`},
		"TwoNumbers":    {version: "v1.2", refusal: `"v1.2": want v, three numbers`},
		"LeadingZero":   {version: "v1.02.3", refusal: "want v, three numbers"},
		"BuildMetadata": {version: "v1.2.3+x", refusal: "want v, three numbers"},
		"Path":          {version: "v1.2.3/../x", refusal: "want v, three numbers"},
		"Word":          {version: "latest", refusal: "want v, three numbers"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			check(t, admitVersion(tc.version), tc.refusal)
		})
	}
}

// check fails unless err has the text; without a text, unless err is nil.
func check(t *testing.T, err error, text string) {
	t.Helper()
	if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
		t.Errorf("want an error with %q, got: %v", text, err)
	}
}

func TestAdmit(t *testing.T) {
	cases := map[string]struct {
		change  func(t *testing.T, r *release)
		refusal string
	}{
		"Clean": {
			change: func(*testing.T, *release) {},
		},
		"ChangedFile": {
			change: func(t *testing.T, r *release) {
				writeFile(t, filepath.Join(r.Project, "CHANGELOG.md"), "other\n")
			},
			refusal: "cannot build v1.2.3: 1 files differ from the commit: CHANGELOG.md; commit or remove them",
		},
		"NewFile": {
			change: func(t *testing.T, r *release) {
				writeFile(t, filepath.Join(r.Project, "new.go"), "package new\n")
			},
			refusal: "new.go",
		},
		"ManyFiles": {
			change: func(t *testing.T, r *release) {
				for i := range 12 {
					writeFile(t, filepath.Join(r.Project, fmt.Sprintf("f%02d", i)), "")
				}
			},
			refusal: "12 files differ from the commit: f00, f01, f02, f03, f04, f05, f06, f07, f08, f09, and 2 more",
		},
		"FolderExists": {
			change: func(t *testing.T, r *release) {
				writeFile(t, filepath.Join(r.folder(), "checksums.txt"), "")
			},
			refusal: "exists; a release is never overwritten",
		},
		"TagHere": {
			change: func(t *testing.T, r *release) { inGit(t, r.Project, "tag", "v1.2.3") },
		},
		"TagElsewhere": {
			change: func(t *testing.T, r *release) {
				inGit(t, r.Project, "tag", "v1.2.3")
				commit(t, r.Project, "project: continue")
			},
			refusal: "the tag v1.2.3 is on another commit",
		},
		"Repository": {
			change:  func(_ *testing.T, r *release) { r.Repository = "registry.example.com/Sluice" },
			refusal: `repository "registry.example.com/Sluice"`,
		},
		"Key": {
			change: func(t *testing.T, r *release) {
				r.Key = filepath.Join(t.TempDir(), "key.pem")
				writeFile(t, r.Key, "no key")
			},
			refusal: "it is not a private key in PEM",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newProject(t)
			tc.change(t, &r)
			check(t, r.admit(t.Context()), tc.refusal)
		})
	}
}
