package securefile

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// must stops the test if it cannot be set up.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal("cannot set up:", err)
	}
}

func open(t *testing.T, dir string) *Root {
	t.Helper()
	root, err := OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return root
}

func TestReadSizes(t *testing.T) {
	const limit = 100
	cases := map[string]struct {
		reason string
		size   int
		fits   bool
	}{
		"Empty":     {reason: "A file can be empty.", fits: true},
		"One":       {reason: "A file of one byte.", size: 1, fits: true},
		"LimitLess": {reason: "Below the limit.", size: limit - 1, fits: true},
		"Limit":     {reason: "The limit itself is allowed.", size: limit, fits: true},
		"LimitMore": {reason: "One byte more is not.", size: limit + 1},
		"Twice":     {reason: "Twice the limit is not.", size: 2 * limit},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := bytes.Repeat([]byte("x"), tc.size)
			path := filepath.Join(dir, "r")
			must(t, os.WriteFile(path, want, 0o600))
			for _, buf := range []*Buffer{{}, {bytes: make([]byte, 0, 10)}, {bytes: make([]byte, 300)}} {
				got, err := open(t, dir).Read(path, limit, buf)
				var large *TooLargeError
				if errors.As(err, &large) == tc.fits || large != nil && large.Size != int64(tc.size) {
					t.Fatalf("%s\ngot error %v", tc.reason, err)
				}
				if tc.fits && (err != nil || !bytes.Equal(want, got)) {
					t.Errorf("%s\ngot %d bytes and error %v, want %d bytes", tc.reason, len(got), err, tc.size)
				}
			}
		})
	}
}

// A file that is not a regular file beneath the root is an error. It is never opened, and Read never waits for it.
func TestHostileFiles(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(outside, []byte("secret"), 0o600))
	cases := map[string]struct {
		reason string
		make   func(path string) error
		want   error
	}{
		"Absent": {
			reason: "What is not there is not there.",
			make:   func(string) error { return nil },
			want:   fs.ErrNotExist,
		},
		"Directory": {
			reason: "A directory is no value.",
			make:   func(p string) error { return os.Mkdir(p, 0o700) },
			want:   ErrNotRegular,
		},
		"FIFO": {
			reason: "Nobody may ever write to a FIFO.",
			make:   func(p string) error { return syscall.Mkfifo(p, 0o666) },
			want:   ErrNotRegular,
		},
		"Socket": {
			reason: "A socket is no value.",
			make: func(p string) error {
				l, err := net.ListenUnix("unix", &net.UnixAddr{Name: p})
				if err == nil {
					l.SetUnlinkOnClose(false)
					err = l.Close()
				}
				return err
			},
			want: ErrNotRegular,
		},
		"SymlinkOut": {
			reason: "A link may lead to a secret.",
			make:   func(p string) error { return os.Symlink(outside, p) },
			want:   ErrNotRegular,
		},
		"SymlinkLoop": {
			reason: "A link may lead to itself.",
			make:   func(p string) error { return os.Symlink(p, p) },
			want:   ErrNotRegular,
		},
		"SymlinkNowhere": {
			reason: "A link is a link, wherever it leads.",
			make:   func(p string) error { return os.Symlink("nowhere", p) },
			want:   ErrNotRegular,
		},
		"SymlinkInside": {
			reason: "A link within the directory is a link, too.",
			make: func(p string) error {
				return errors.Join(os.WriteFile(p+".target", []byte("x"), 0o600), os.Symlink(p+".target", p))
			},
			want: ErrNotRegular,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "r")
			must(t, tc.make(path))
			if got, err := open(t, dir).Read(path, 100, &Buffer{}); !errors.Is(err, tc.want) {
				t.Errorf("%s\ngot %q and error %v, want %v", tc.reason, got, err, tc.want)
			}
		})
	}
}

func TestDevice(t *testing.T) {
	if got, err := open(t, "/dev").Read("/dev/zero", 100, &Buffer{}); !errors.Is(err, ErrNotRegular) {
		t.Errorf("got %q and error %v, want %v", got, err, ErrNotRegular)
	}
}

// A file of 10 GiB costs no more than its name.
func TestSparseFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r")
	must(t, os.WriteFile(path, nil, 0o600), os.Truncate(path, 10<<30))
	root := open(t, dir)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := root.Read(path, 1<<20, &Buffer{})
	runtime.ReadMemStats(&after)
	var large *TooLargeError
	if !errors.As(err, &large) || large.Size != 10<<30 {
		t.Errorf("got error %v, want one that says 10 GiB", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
		t.Errorf("%d bytes were allocated", n)
	}
}

func TestParents(t *testing.T) {
	dir := t.TempDir()
	must(t,
		os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700), os.WriteFile(filepath.Join(dir, "a", "b", "r"), []byte("v"), 0o600),
		os.Symlink("a", filepath.Join(dir, "link")), os.Symlink("/etc", filepath.Join(dir, "etc")),
		os.WriteFile(filepath.Join(dir, "file"), nil, 0o600),
	)
	cases := map[string]struct {
		reason string
		path   string
		want   error
	}{
		"Deep":        {reason: "A file in directories beneath the root.", path: "a/b/r"},
		"AbsentDir":   {reason: "A directory that is not there has no file.", path: "x/r", want: fs.ErrNotExist},
		"LinkedDir":   {reason: "A directory may be a link to anywhere.", path: "link/b/r", want: ErrNotRegular},
		"LinkOut":     {reason: "A directory may be a link to anywhere.", path: "etc/passwd", want: ErrNotRegular},
		"FileAsDir":   {reason: "A file has no files.", path: "file/r", want: ErrNotRegular},
		"StrangeName": {reason: "A name is a name.", path: "a/b/\n*?", want: fs.ErrNotExist},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := open(t, dir).Read(filepath.Join(dir, tc.path), 100, &Buffer{})
			if !errors.Is(err, tc.want) || err == nil && string(got) != "v" {
				t.Errorf("%s\ngot %q and error %v, want error %v", tc.reason, got, err, tc.want)
			}
		})
	}
}

func TestOutsideOfRoot(t *testing.T) {
	dir := t.TempDir()
	root := open(t, dir)
	for _, path := range []string{dir, filepath.Dir(dir), "/etc/passwd", dir + "/../x", dir + "x/r", "relative"} {
		if got, err := root.Read(path, 1<<20, &Buffer{}); err == nil {
			t.Errorf("%q was read: %q", path, got)
		}
	}
}

func TestOpenRootRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{file, file + ".absent"} {
		if _, err := OpenRoot(path); err == nil {
			t.Errorf("%q is taken for a directory", path)
		}
	}
}

// Files whose length is not what they say are as good as files that change: these are such by nature.
func TestLengthThatLies(t *testing.T) {
	for name, path := range map[string]string{"More": "/proc/self/status", "Less": "/sys/devices/system/cpu/online"} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, filepath.Dir(path)).Read(path, 1<<20, &Buffer{})
			if !errors.Is(err, ErrChanged) {
				t.Errorf("got error %v, want %v", err, ErrChanged)
			}
		})
	}
}

func TestChangeWhileRead(t *testing.T) {
	other := func(p string) error { return os.WriteFile(p+".new", []byte("other"), 0o600) }
	cases := map[string]struct {
		reason string
		change func(path string) error
		want   error
	}{
		"Nothing": {
			reason: "A file that holds still is read.",
			change: func(string) error { return nil },
		},
		"Grown": {
			reason: "A file may grow.",
			change: func(p string) error {
				return os.WriteFile(p, []byte("value and more"), 0o600)
			},
			want: ErrChanged,
		},
		"Shrunk": {
			reason: "A file may shrink.",
			change: func(p string) error { return os.Truncate(p, 1) },
			want:   ErrChanged,
		},
		"Replaced": {
			reason: "Another file may take its name.",
			change: func(p string) error { return errors.Join(other(p), os.Rename(p+".new", p)) },
			want:   ErrChanged,
		},
		"Removed": {
			reason: "A file may go away.",
			change: os.Remove,
			want:   ErrChanged,
		},
		"Rewritten": {
			reason: "Another content may come with the old one's length and time.",
			change: func(p string) error {
				info, err := os.Stat(p)
				if err == nil {
					err = errors.Join(os.WriteFile(p, []byte("eulav"), 0o600), os.Chtimes(p, info.ModTime(), info.ModTime()))
				}
				return err
			},
			want: ErrChanged,
		},
		"Linked": {
			reason: "A link may take its name.",
			change: func(p string) error {
				return errors.Join(other(p), os.Remove(p), os.Symlink(p+".new", p))
			},
			want: ErrChanged,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "r")
			must(t, os.WriteFile(path, []byte("value"), 0o600))
			root := open(t, dir)
			f, before, err := root.open("r")
			must(t, err)
			defer func() { must(t, f.Close()) }()
			must(t, tc.change(path))
			got, err := root.content(f, "r", before, &Buffer{})
			if !errors.Is(err, tc.want) || err == nil && string(got) != "value" {
				t.Errorf("%s\ngot %q and error %v, want error %v", tc.reason, got, err, tc.want)
			}
		})
	}
}

// While a file is replaced all the time, what is read is one of the files that there were, whole.
func TestReplacedAllTheTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "r")
	values := []string{strings.Repeat("a", 50000), strings.Repeat("b", 60000)}
	must(t, os.WriteFile(path, []byte(values[0]), 0o600))
	root := open(t, dir)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := errors.Join(os.WriteFile(path+".new", []byte(values[i%2]), 0o600), os.Rename(path+".new", path)); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 300 {
		got, err := root.Read(path, 100000, &Buffer{})
		if err != nil && !errors.Is(err, ErrChanged) {
			t.Errorf("got error %v", err)
		}
		if err == nil && string(got) != values[0] && string(got) != values[1] {
			t.Errorf("%d bytes were read that were never in the file", len(got))
		}
	}
	close(stop)
	must(t, <-stopped)
}
