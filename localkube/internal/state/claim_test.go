package state

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryPathIsAnEntry: Remove must remove every path that a component writes to. A new path that is not among the entries
// would be left behind.
func TestEveryPathIsAnEntry(t *testing.T) {
	dir := reflect.ValueOf(Dir("/d"))
	var paths []string
	for _, method := range dir.Methods() {
		signature := method.Type()
		if signature.IsVariadic() || signature.NumOut() != 1 || signature.Out(0).Kind() != reflect.String {
			continue
		}
		arguments := make([]reflect.Value, signature.NumIn())
		for i := range arguments {
			arguments[i] = reflect.Zero(signature.In(i))
		}
		if slices.ContainsFunc(arguments, func(v reflect.Value) bool { return v.Kind() != reflect.String }) {
			continue
		}
		if path, ok := strings.CutPrefix(method.Call(arguments)[0].String(), "/d/"); ok {
			first, _, _ := strings.Cut(path, "/")
			paths = append(paths, first)
		}
	}
	const least = 14
	if len(paths) < least {
		t.Errorf("only %d methods name a path: %q", len(paths), paths)
	}
	for _, path := range paths {
		if !slices.Contains(entries(), path) {
			t.Errorf("%q is not one of the entries", path)
		}
	}
}

// TestTheRootIsNeverClaimed: the root directory is handled as any other directory that is not empty. The test calls only
// Claim, which does not remove anything.
func TestTheRootIsNeverClaimed(t *testing.T) {
	if err := Dir("/").Claim(); err == nil || !strings.Contains(err.Error(), "the directory is not empty") {
		t.Errorf("the error of Claim of / is %v", err)
	}
	if got, want := Dir("/").lockPath(), "/..localkube-lock"; got != want {
		t.Errorf("the lock of / is %q, want %q", got, want)
	}
}

func TestResolve(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "real", "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "real", "dangling": "none", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	cases := map[string]struct {
		reason string
		path   string
		want   string
		fails  string
	}{
		"Plain":       {reason: "A path without links is not changed.", path: filepath.Join(root, "real"), want: "real"},
		"Relative":    {reason: "A path is relative to the working directory.", path: "real/./inner/..", want: "real"},
		"Missing":     {reason: "The directory need not exist.", path: "none/at/all", want: "none/at/all"},
		"Link":        {reason: "A link is replaced with its target.", path: "link", want: "real"},
		"BehindALink": {reason: "A missing directory behind a link is in the target of the link.", path: "link/new/one", want: "real/new/one"},
		"Dangling": {
			reason: "A link to a missing path cannot become a directory.",
			path:   "dangling",
			fails:  "a symbolic link to a path that does not exist",
		},
		"Loop": {reason: "A link to itself has no target.", path: "loop", fails: "too many links"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Resolve(tc.path)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("%s\nResolve(%q) = %q, %v; want an error with %q", tc.reason, tc.path, got, err, tc.fails)
				}
				return
			}
			if err != nil || got != Dir(filepath.Join(root, tc.want)) {
				t.Errorf("%s\nResolve(%q) = %q, %v; want %q", tc.reason, tc.path, got, err, tc.want)
			}
		})
	}
}

func TestMountsBelow(t *testing.T) {
	const table = `22 1 8:1 / / rw - ext4 /dev/sda1 rw
40 22 8:2 / /d rw - ext4 /dev/sdb1 rw
41 40 0:30 / /d/volumes/mine rw,relatime shared:1 - tmpfs none rw
42 40 8:1 /home /d/with\040space rw - ext4 /dev/sda1 rw
43 22 8:3 / /dd/other rw - ext4 /dev/sdc1 rw
short line
`
	cases := map[string]struct {
		reason string
		dir    string
		want   []string
	}{
		"Below": {
			reason: "Every mount inside of the directory counts, the directory itself does not.",
			dir:    "/d",
			want:   []string{"/d/volumes/mine", "/d/with space"},
		},
		"Sibling": {reason: "A directory whose name has the same prefix is another one.", dir: "/d/vol"},
		"None":    {reason: "The directory has no mounts.", dir: "/x"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, mountsBelow(table, tc.dir)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRemoveRefusesMounts: a removal would delete files of a file system that a user has mounted there.
func TestRemoveRefusesMounts(t *testing.T) {
	table := filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(table, []byte("41 40 0:30 / /d/volumes/mine rw - tmpfs none rw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Dir("/d").noMounts(table); err == nil || !strings.Contains(err.Error(), `something is mounted on "/d/volumes/mine"`) {
		t.Errorf("with a mount inside: %v", err)
	}
	if err := Dir("/other").noMounts(table); err != nil {
		t.Errorf("without one: %v", err)
	}
}
