package version

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFrom(t *testing.T) {
	vcs := func(revision, modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	cases := map[string]struct {
		reason string
		linked string
		build  debug.BuildInfo
		want   Info
		text   string
	}{
		"Nothing": {
			reason: "a build without information is a build of a developer",
			want:   Info{"devel", "unknown", "unknown"},
			text:   "devel, unknown",
		},
		"Linked": {
			reason: "the number from the linker comes first",
			linked: "v1.2.3",
			build:  debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v0.0.0"}},
			want:   Info{"v1.2.3", "unknown", "go1.26"},
			text:   "v1.2.3, go1.26",
		},
		"Installed": {
			reason: "go install at a version records that version",
			build:  debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v1.0.0"}},
			want:   Info{"v1.0.0", "unknown", "go1.26"},
			text:   "v1.0.0, go1.26",
		},
		"Devel": {
			reason: "the placeholder of the toolchain is no version",
			build:  debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}, Settings: vcs("abc", "false")},
			want:   Info{"devel", "abc", "go1.26"},
			text:   "devel (abc), go1.26",
		},
		"Changed": {
			reason: "a tree with changes is marked",
			linked: "v1",
			build:  debug.BuildInfo{GoVersion: "go1.26", Settings: vcs("abc", "true")},
			want:   Info{"v1", "abc-dirty", "go1.26"},
			text:   "v1 (abc-dirty), go1.26",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := from(tc.linked, &tc.build)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if got.String() != tc.text {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.text, got)
			}
		})
	}
}

func TestCurrent(t *testing.T) {
	if got := Current(); got.Number == "" || !strings.HasPrefix(got.Go, "go") {
		t.Errorf("a program knows at least which Go compiled it, got %+v", got)
	}
}
