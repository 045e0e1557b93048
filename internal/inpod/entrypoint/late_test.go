package entrypoint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/inpod/procfs"
	"github.com/sluice-ci/sluice/internal/results"
)

// A result that changes while processes are killed was being written, although none of them had it open before.
func TestChangedWhileKilled(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(path string) error
		want   bool
	}{
		"Nothing": {
			reason: "A result that does not change is whole.",
			change: func(string) error { return nil },
			want:   false,
		},
		"Emptied": {
			reason: "A shell empties a file before it writes.",
			change: func(path string) error { return os.Truncate(path, 0) },
			want:   true,
		},
		"Rewritten": {
			reason: "The same length does not make it the same.",
			change: func(path string) error {
				return replaceWith(path, "other")
			},
			want: true,
		},
		"Removed": {
			reason: "It was about to be made anew.",
			change: os.Remove,
			want:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := Options{Results: []results.File{fileAt(filepath.Join(t.TempDir(), "digest"))}}
			path := o.Results[0].Path
			must(t, os.WriteFile(path, []byte("whole"), 0o600))
			before := states(o.Results)
			must(t, tc.change(path))
			err := o.changed(before, states(o.Results))
			if (err != nil) != tc.want || err != nil && !strings.Contains(err.Error(), `"digest"`) {
				t.Errorf("%s\nerror %v", tc.reason, err)
			}
		})
	}
	t.Run("Made", func(t *testing.T) {
		o := Options{Results: []results.File{fileAt(filepath.Join(t.TempDir(), "digest"))}}
		before := states(o.Results)
		must(t, os.WriteFile(o.Results[0].Path, nil, 0o600))
		if err := o.changed(before, states(o.Results)); err == nil {
			t.Error("A file that was not there may be a part of what it was to be.")
		}
	})
}

// replaceWith gives a path another file, as a program does that writes aside and renames.
func replaceWith(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// The process that writes a file is found among others.
func TestWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "digest")
	file, err := os.Create(path)
	must(t, err)
	start := func(stdout *os.File) int {
		cmd := exec.Command("sleep", "600")
		cmd.Stdout = stdout
		must(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		})
		return cmd.Process.Pid
	}
	idle, writing := start(nil), start(file)
	must(t, file.Close())
	list := []procfs.Process{{PID: 1 << 30, Name: "gone"}, {PID: idle, Name: "idle"}, {PID: writing, Name: "writing"}}
	if found, err := writer(list, path); err != nil || found == nil || found.PID != writing {
		t.Errorf("found %+v, error %v, want process %d", found, err, writing)
	}
	if found, err := writer(list[:2], path); err != nil || found != nil {
		t.Errorf("found %+v, error %v, want none", found, err)
	}
}

func fileAt(path string) results.File {
	return results.File{Declared: results.Declared{Name: "digest", Type: results.TypeString}, Path: path}
}

// must stops the test if it cannot be set up.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal("cannot set up:", err)
		}
	}
}
