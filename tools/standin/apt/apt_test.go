package apt

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const printed = `Reading package lists...
'http://deb.example/pool/main/b/bash/bash_5.2.15-2%2bb13_amd64.deb' bash_5.2.15-2+b13_amd64.deb 1490652 SHA256:00
'http://deb.example/pool/main/p/procps/procps_4.0.2-3_amd64.deb' procps_2%3a4.0.2-3_amd64.deb 708712 MD5Sum:00
`

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		out    string
		want   []Package
		fails  bool
	}{
		"Packages": {
			reason: "Each line with an address is a package; the epoch of a version is escaped in the name of its file.",
			out:    printed,
			want: []Package{
				{Name: "bash", Version: "5.2.15-2+b13", path: "/a/bash_5.2.15-2+b13_amd64.deb"},
				{Name: "procps", Version: "2:4.0.2-3", path: "/a/procps_2%3a4.0.2-3_amd64.deb"},
			},
		},
		"Nothing": {
			reason: "An image without its packages would be broken, so that is an error.",
			out:    "Reading package lists...\n",
			fails:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parse([]byte(tc.out), "/a")
			if (err != nil) != tc.fails {
				t.Fatalf("%s\nerror %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(Package{})); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestWithout(t *testing.T) {
	all := []Package{{Name: "a"}, {Name: "b", Version: "2"}, {Name: "c"}}
	got := Without(all, []Package{{Name: "b", Version: "1"}})
	if diff := cmp.Diff([]Package{{Name: "a"}, {Name: "c"}}, got, cmpopts.IgnoreUnexported(Package{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFetch(t *testing.T) {
	cases := map[string]struct {
		reason   string
		lists    bool
		failures int
		want     []string
		fails    bool
	}{
		"FirstTime": {reason: "Without lists there is nothing to choose from.", want: []string{"update", "install", "print"}},
		"Later":     {reason: "With lists there is nothing to ask the archive.", lists: true, want: []string{"install", "print"}},
		"OldLists": {
			reason: "A version that the archive has dropped is looked up anew.",
			lists:  true, failures: 1, want: []string{"install", "update", "install", "print"},
		},
		"Away": {reason: "It is not tried for ever.", lists: true, failures: 2, want: []string{"install", "update", "install"}, fails: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := &Apt{dir: t.TempDir()}
			if err := a.prepare(); err != nil {
				t.Fatal(err)
			}
			if tc.lists {
				if err := os.WriteFile(filepath.Join(a.dir, "lists", "deb.example_Packages"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var asked []string
			failures := tc.failures
			a.run = func(_ context.Context, _, _ string, args ...string) ([]byte, error) {
				switch {
				case slices.Contains(args, "update"):
					asked = append(asked, "update")
				case slices.Contains(args, "--print-uris"):
					asked = append(asked, "print")
					return []byte(printed), nil
				default:
					asked = append(asked, "install")
					if failures > 0 {
						failures--
						return nil, errors.New("404 Not Found")
					}
				}
				return nil, nil
			}
			_, err := a.Closure(t.Context(), "bash")
			if (err != nil) != tc.fails {
				t.Fatalf("%s\nerror %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, asked); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestRunSaysWhy(t *testing.T) {
	_, err := run(t.Context(), t.TempDir(), "sh", "-c", "echo no such package >&2; exit 100")
	if err == nil || !strings.Contains(err.Error(), "no such package") {
		t.Errorf("the error does not say what the program said: %v", err)
	}
}
