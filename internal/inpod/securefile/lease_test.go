package securefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestHasWriter(t *testing.T) {
	cases := map[string]struct {
		reason string
		// opens returns what ends the use of the file.
		opens func(t *testing.T, path string) (done func() error)
		want  bool
	}{
		"Idle": {
			reason: "Nothing has it open.",
			opens:  func(*testing.T, string) func() error { return func() error { return nil } },
			want:   false,
		},
		"Reader": {
			reason: "A reader is no writer.",
			opens:  opened(os.O_RDONLY),
			want:   false,
		},
		"Writer": {
			reason: "One that writes.",
			opens:  opened(os.O_WRONLY),
			want:   true,
		},
		"Both": {
			reason: "One that reads and writes.",
			opens:  opened(os.O_RDWR),
			want:   true,
		},
		"Appends": {
			reason: "One that appends.",
			opens:  opened(os.O_WRONLY | os.O_APPEND),
			want:   true,
		},
		"Memory": {
			reason: "One that has it in its memory and has closed it.",
			opens:  mapped(syscall.PROT_READ | syscall.PROT_WRITE),
			want:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			must(t, os.WriteFile(path, []byte("content"), 0o600))
			root, err := OpenRoot(dir)
			must(t, err)
			defer root.Close() //nolint:errcheck // it was only read
			done := tc.opens(t, path)
			if got, err := root.HasWriter(path); got != tc.want || err != nil {
				t.Errorf("%s\ngot %t, error %v, want %t", tc.reason, got, err, tc.want)
			}
			must(t, done())
			if got, err := root.HasWriter(path); got || err != nil {
				t.Errorf("%s\nafterwards: %t, error %v", tc.reason, got, err)
			}
			// No lease is left: a file can be opened for writing at once.
			f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			must(t, err, f.Close())
		})
	}
}

func opened(flags int) func(*testing.T, string) func() error {
	return func(t *testing.T, path string) func() error {
		t.Helper()
		f, err := os.OpenFile(path, flags, 0)
		must(t, err)
		return f.Close
	}
}

func mapped(protection int) func(*testing.T, string) func() error {
	return func(t *testing.T, path string) func() error {
		t.Helper()
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		memory, err := syscall.Mmap(int(f.Fd()), 0, 1, protection, syscall.MAP_SHARED)
		must(t, err, f.Close())
		return func() error { return syscall.Munmap(memory) }
	}
}

func TestHasWriterOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600), os.Symlink("fifo", filepath.Join(dir, "link")))
	root, err := OpenRoot(dir)
	must(t, err)
	defer root.Close() //nolint:errcheck // it was only read
	for name, want := range map[string]error{"fifo": ErrNotRegular, "link": ErrNotRegular, "absent": fs.ErrNotExist} {
		if got, err := root.HasWriter(filepath.Join(dir, name)); got || !errors.Is(err, want) {
			t.Errorf("%s: got %t, error %v, want error %v", name, got, err, want)
		}
	}
	if _, err := root.HasWriter("/etc/passwd"); err == nil {
		t.Error("a file elsewhere is none beneath the root")
	}
}
