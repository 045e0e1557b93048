package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChanges(t *testing.T) {
	r := newProject(t)
	inGit(t, r.Project, "tag", "v1.2.2")
	inGit(t, r.Project, "tag", "v9.0.0")
	commit(t, r.Project, "docs: say more")
	commit(t, r.Project, "api: refuse `x`")
	created, err := commitTime(t.Context(), r.Project)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := r.changes(t.Context(), folder, created); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, changesFile))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, hashes.ReplaceAllString(strings.TrimSpace(line), "`HASH`"))
	}
	want := []string{
		"# Sluice v1.2.3", "", "Built from commit `HASH` of 2026-01-02.", "", "## What users notice", "", "- A line.", "",
		"## Commits since v1.2.2", "", "- api: refuse `x` (`HASH`)", "- docs: say more (`HASH`)",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if version, err := versionOf(folder); version != "v1.2.3" || err != nil {
		t.Errorf("want the version of the release, got %q, %v", version, err)
	}
}

func TestSection(t *testing.T) {
	const changelog = "# Changelog\n\n## Unreleased\n\n- New.\n\n## v1.2.3\n\n### Fixed\n\n- Old.\n\n## v1.2.30\n\n- Other.\n"
	cases := map[string]struct {
		changelog string
		version   string
		want      string
		refusal   string
	}{
		"OfVersion": {
			changelog: changelog,
			version:   "v1.2.3",
			want:      "### Fixed\n\n- Old.",
		},
		"Unreleased": {
			changelog: changelog,
			version:   "v1.3.0",
			want:      "- New.",
		},
		"Nothing": {
			changelog: "# Changelog\n\n## Unreleased\n\n## v1.0.0\n\n- Old.\n",
			version:   "v1.3.0",
			refusal:   `neither a section "v1.3.0" nor a section "Unreleased"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := section(tc.changelog, tc.version)
			check(t, err, tc.refusal)
			if got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

func TestPrevious(t *testing.T) {
	tags := []string{"v0.9.0", "v0.10.0", "v0.10.0-rc.1", "v1.0.0", "latest", "v0.10"}
	cases := map[string]struct{ version, want string }{
		"First":           {"v0.1.0", ""},
		"Numeric":         {"v0.11.0", "v0.10.0"},
		"AfterPreRelease": {"v0.10.0-rc.2", "v0.10.0-rc.1"},
		"OwnTag":          {"v1.0.0", "v0.10.0"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := previous(tags, tc.version); got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}
