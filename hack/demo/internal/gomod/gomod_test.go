package gomod

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sum is the base64 form of 32 bytes, like every digest in a go.sum.
func sum(letter string) string { return strings.Repeat(letter, 42) + "A=" }

func write(t *testing.T, dir, mod, sums string) {
	t.Helper()
	for name, text := range map[string]string{"go.mod": mod, "go.sum": sums} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRead(t *testing.T) {
	cases := map[string]struct {
		reason    string
		mod, sums string
		want      []Module
	}{
		"direct and indirect": {
			reason: "both direct and indirect modules are listed, and marked",
			mod:    "module example.org/m\ngo 1.26\nrequire example.org/b v1.0.0\nrequire example.org/a v0.2.0 // indirect\n",
			sums: "example.org/a v0.2.0 h1:" + sum("a") + "\nexample.org/a v0.2.0/go.mod h1:" + sum("x") +
				"\nexample.org/b v1.0.0 h1:" + sum("b") + "\n",
			want: []Module{
				{Path: "example.org/a", Version: "v0.2.0", Sum: sum("a"), UsedBy: []string{"example.org/m"}},
				{Path: "example.org/b", Version: "v1.0.0", Sum: sum("b"), Direct: true, UsedBy: []string{"example.org/m"}},
			},
		},
		"not built": {
			reason: "a module of which go.sum has only the go.mod file provides no package",
			mod:    "module example.org/m\ngo 1.26\nrequire example.org/a v1.0.0\n",
			sums:   "example.org/a v1.0.0/go.mod h1:" + sum("x") + "\n",
			want:   []Module{},
		},
		"replaced": {
			reason: "the replacement is what is built",
			mod:    "module example.org/m\ngo 1.26\nrequire example.org/a v0.0.0\nreplace example.org/a => example.org/a v0.37.2\n",
			sums:   "example.org/a v0.37.2 h1:" + sum("a") + "\n",
			want:   []Module{{Path: "example.org/a", Version: "v0.37.2", Sum: sum("a"), Direct: true, UsedBy: []string{"example.org/m"}}},
		},
		"replaced by a folder": {
			reason: "a folder is part of the project and has no digest",
			mod:    "module example.org/m\ngo 1.26\nrequire example.org/a v1.0.0\nreplace example.org/a => ./a\n",
			sums:   "example.org/a v1.0.0 h1:" + sum("a") + "\n",
			want:   []Module{},
		},
		"nothing required": {reason: "such a module has no go.sum", mod: "module example.org/m\ngo 1.26\n", want: []Module{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.mod, tc.sums)
			got, err := Read(dir)
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Read: %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	const mod = "module example.org/m\ngo 1.26\n"
	cases := map[string]struct{ reason, mod, sums, want string }{
		"no go.mod": {
			reason: "the folder is not a module",
			want:   "cannot read go.mod in",
		},
		"torn line": {
			reason: "a line without a digest is refused",
			mod:    mod,
			sums:   "example.org/a v1.0.0\n",
			want:   "line 1: it has 2 fields",
		},
		"wrong digest": {
			reason: "a digest of another length is refused",
			mod:    mod,
			sums:   "example.org/a v1.0.0 h1:AAAA\n",
			want:   `"AAAA" is not the base64 form`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.mod, tc.sums)
			_, err := Read(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Read: %s: got error %v, want one with %q", tc.reason, err, tc.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	a := Module{Path: "example.org/a", Version: "v1.0.0", Sum: sum("a"), UsedBy: []string{"m/two"}}
	b := Module{Path: "example.org/a", Version: "v1.0.0", Sum: sum("a"), Direct: true, UsedBy: []string{"m/one"}}
	want := []Module{{Path: "example.org/a", Version: "v1.0.0", Sum: sum("a"), Direct: true, UsedBy: []string{"m/one", "m/two"}}}
	if diff := cmp.Diff(want, Merge([]Module{a}, []Module{b})); diff != "" {
		t.Errorf("Merge: a module that two others use is listed once, with both (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"m/two"}, a.UsedBy); diff != "" {
		t.Errorf("Merge: the given lists must not change (-want +got):\n%s", diff)
	}
}

func TestCacheDir(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		module Module
		want   string
		fails  bool
	}{
		"UpperCase": {
			reason: "a file system may be case-insensitive",
			module: Module{Path: "github.com/NYTimes/gziphandler", Version: "v1.1.1-RC1"},
			want:   "github.com/!n!y!times/gziphandler@v1.1.1-!r!c1",
		},
		"NoPath": {
			reason: "a path outside of the cache is not a module",
			module: Module{Path: "../../etc", Version: "v1.0.0"},
			fails:  true,
		},
		"NoVersion": {
			reason: "a version with a slash is not valid",
			module: Module{Path: "example.org/a", Version: "v1/../.."},
			fails:  true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.module.CacheDir()
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("CacheDir: %s: got %q, error %v", tc.reason, got, err)
			}
		})
	}
}
