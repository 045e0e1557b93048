package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMakeAll(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	made, err := makeAll(deep)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(root, "a"), filepath.Join(root, "a", "b"), deep}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if made, err = makeAll(deep); err != nil || len(made) != 0 {
		t.Errorf("an existing folder was created again: %v, %v", made, err)
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := makeAll(filepath.Join(file, "below")); err == nil {
		t.Error("a folder was created below a file")
	}
}

func TestTheLastClusterRestoresTheMachine(t *testing.T) {
	root := t.TempDir()
	setting := filepath.Join(root, "overcommit_memory")
	folder := filepath.Join(root, "lib", "kubelet")
	kept := filepath.Join(root, "log", "containers")
	l := ledger{path: filepath.Join(root, "machine.json"), settings: []string{setting, filepath.Join(root, "no such setting")}}
	set := func(value string) {
		t.Helper()
		if err := os.WriteFile(setting, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when, wantSetting string, wantFolder bool) {
		t.Helper()
		if got, err := os.ReadFile(setting); err != nil || string(got) != wantSetting {
			t.Errorf("%s the setting is %q, %v; want %q", when, got, err, wantSetting)
		}
		if _, err := os.Stat(folder); (err == nil) != wantFolder {
			t.Errorf("%s the folder: %v, want it to be there: %t", when, err, wantFolder)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	set("0\n")
	do(l.enter("first", []string{folder, kept}))
	set("1\n") // as the node's kubelet does
	do(l.enter("second", []string{folder, kept}))
	do(l.enter("second", []string{folder, kept})) // a restart of the cluster
	check("with two clusters", "1\n", true)
	do(l.leave("first"))
	do(l.leave("first")) // a second time is not an error
	check("with one cluster", "1\n", true)
	if err := os.WriteFile(filepath.Join(kept, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	do(l.leave("second"))
	check("without clusters", "0", false)
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("a folder that is not empty was removed: %v", err)
	}
	if _, err := os.Stat(l.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the record still exists: %v", err)
	}
}

func TestRemoveTree(t *testing.T) {
	root := filepath.Join(t.TempDir(), "group")
	if err := os.MkdirAll(filepath.Join(root, "kubepods", "burstable", "pod1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "kubepods", "pod2"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time, the group does not exist
		if err := removeTree(root); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the group still exists: %v", err)
	}
}

func TestInherit(t *testing.T) {
	parent := t.TempDir()
	group := filepath.Join(parent, "group")
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := inherit(parent, group, "cpuset.cpus"); err != nil {
		t.Errorf("a controller without such a setting: %v", err)
	}
	if err := os.WriteFile(filepath.Join(parent, "cpuset.cpus"), []byte("0-1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := inherit(parent, group, "cpuset.cpus"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(group, "cpuset.cpus")); err != nil || string(got) != "0-1\n" {
		t.Errorf("the group has %q, %v", got, err)
	}
}

func TestOpenVolumesNeedsTheFolder(t *testing.T) {
	if err := OpenVolumes("/does/not/exist"); err == nil {
		t.Error("no error for a folder that does not exist")
	}
}
