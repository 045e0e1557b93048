package securefile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// secret is a file outside of the directory that others can write to, and its content and mode.
const (
	secretText = "mine\n"
	secretMode = 0o600
)

// trap is what another step can leave at the path of a file, given the path of a file or directory outside.
type trap struct {
	reason string
	set    func(path, outside string) error
}

// traps are all that can lie at a path without being a file that may be written.
func traps() map[string]trap {
	return map[string]trap{
		"Link": {
			reason: "A link leads to a file of the step that writes.",
			set:    func(p, o string) error { return os.Symlink(o, p) },
		},
		"LinkRelative": {
			reason: "So does a relative one.",
			set:    func(p, o string) error { return os.Symlink("../private/"+filepath.Base(o), p) },
		},
		"LinkChain": {
			reason: "And a link to a link.",
			set:    func(p, o string) error { return errors.Join(os.Symlink(o, p+".2"), os.Symlink(p+".2", p)) },
		},
		"LinkLoop": {
			reason: "A link to itself leads nowhere.",
			set:    func(p, _ string) error { return os.Symlink(p, p) },
		},
		"LinkDangling": {
			reason: "A link to nothing makes a file elsewhere.",
			set:    func(p, o string) error { return os.Symlink(o+".made", p) },
		},
		"LinkDevice": {
			reason: "A link to a device is none of the step's.",
			set:    func(p, _ string) error { return os.Symlink("/dev/null", p) },
		},
		"FIFO": {
			reason: "Nobody may ever read from a FIFO.",
			set:    func(p, _ string) error { return syscall.Mkfifo(p, 0o666) },
		},
		"Directory": {
			reason: "A directory is no file.",
			set:    func(p, _ string) error { return os.MkdirAll(filepath.Join(p, "x"), 0o777) },
		},
		"Socket": {
			reason: "A socket is no file.",
			set:    listen,
		},
		"HardLink": {
			reason: "A second name of a file is that file.",
			set:    func(p, o string) error { return os.Link(o, p) },
		},
	}
}

func listen(path, _ string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

// shared returns a directory that others can write to, and a file outside of it.
func shared(t *testing.T) (dir, outside string) {
	t.Helper()
	top := t.TempDir()
	dir, outside = filepath.Join(top, "shared"), filepath.Join(top, "private", "file")
	must(t, os.Mkdir(dir, 0o777), os.Mkdir(filepath.Dir(outside), 0o700), os.WriteFile(outside, []byte(secretText), secretMode))
	return dir, outside
}

// untouched wants the file outside to be as it was, and alone.
func untouched(t *testing.T, outside string) {
	t.Helper()
	text, err := os.ReadFile(outside)
	info, statErr := os.Stat(outside)
	must(t, err, statErr)
	if string(text) != secretText || info.Mode() != secretMode {
		t.Errorf("the file outside has now mode %v and %q", info.Mode(), text)
	}
	if entries, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(entries) != 1 {
		t.Errorf("beside it are now %v, error %v", entries, err)
	}
}

// Nothing that others leave at a path, or above it, leads a write or a change of mode elsewhere, or holds it up.
func TestTraps(t *testing.T) {
	cases := map[string]struct {
		reason string
		write  func(path string) error
		// replaces says that whatever is there is replaced, unless it is a directory.
		replaces bool
	}{
		"Append": {
			reason: "A file that several steps write to.",
			write:  func(p string) error { return closed(Append(p, 0o666)) },
		},
		"Overwrite": {
			reason: "A file that is emptied.",
			write:  func(p string) error { return closed(Overwrite(p, 0o644)) },
		},
		"Fresh": {
			reason:   "A file that is new.",
			write:    func(p string) error { return closed(Fresh(p, 0o755)) },
			replaces: true,
		},
		"Replace": {
			reason:   "A file that appears whole.",
			write:    func(p string) error { return Replace(p, []byte("theirs"), 0o600, 0o700) },
			replaces: true,
		},
		"Allow": {
			reason: "A mode that is changed.",
			write: func(p string) error {
				if Allow(p, 0o444) {
					return nil
				}
				return ErrNotRegular
			},
		},
	}
	for name, tc := range cases {
		for what, trap := range traps() {
			t.Run(name+"/"+what, func(t *testing.T) {
				dir, outside := shared(t)
				path := filepath.Join(dir, "r")
				must(t, trap.set(path, outside))
				err := tc.write(path)
				// A directory that can be read already has no permission to add.
				if allowed := tc.replaces && what != "Directory"; (err == nil) != allowed {
					t.Errorf("%s %s\ngot error %v", tc.reason, trap.reason, err)
				}
				untouched(t, outside)
			})
			if what == "HardLink" || what == "FIFO" || what == "Socket" {
				continue // not what a directory can be
			}
			t.Run(name+"/Above"+what, func(t *testing.T) {
				dir, outside := shared(t)
				above := filepath.Join(dir, "above")
				must(t, trap.set(above, filepath.Dir(outside)))
				if err := tc.write(filepath.Join(above, "file")); err == nil && what != "Directory" {
					t.Errorf("%s %s", tc.reason, trap.reason)
				}
				untouched(t, outside)
			})
		}
	}
}

func closed(f *os.File, err error) error {
	if err != nil {
		return err
	}
	return f.Close()
}

// Directories are made, and none beyond a link that others can have left.
func TestMakeDirs(t *testing.T) {
	dir, outside := shared(t)
	if err := MakeDirs(filepath.Join(dir, "a", "b"), 0o777); err != nil {
		t.Errorf("got error %v", err)
	}
	must(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link")))
	if err := MakeDirs(filepath.Join(dir, "link", "made"), 0o777); !errors.Is(err, ErrNotRegular) {
		t.Errorf("over a link: got error %v", err)
	}
	untouched(t, outside)
	if err := MakeDirs(filepath.Join(outside, "made"), 0o777); !errors.Is(err, ErrNotRegular) {
		t.Errorf("over a file: got error %v", err)
	}
}

// What may be written is written.
func TestWrite(t *testing.T) {
	dir, _ := shared(t)
	path := filepath.Join(dir, "made", "f")
	for _, text := range []string{"one ", "two"} {
		f, err := Append(path, 0o666)
		must(t, err)
		_, err = f.WriteString(text)
		must(t, err, f.Close())
	}
	has := func(want string, mode fs.FileMode) {
		t.Helper()
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err = errors.Join(err, statErr); err != nil || string(got) != want || info.Mode() != mode {
			t.Errorf("got %q with mode %v and error %v, want %q with %v", got, info.Mode(), err, want, mode)
		}
	}
	has("one two", 0o644)
	f, err := Overwrite(path, 0o644)
	must(t, err, f.Close())
	has("", 0o644)
	must(t, Replace(path, []byte("whole"), 0o600, 0))
	has("whole", 0o600)
	if !Allow(path, 0o444) || Allow(path, 0o444) {
		t.Error("there was a permission to add, once")
	}
	has("whole", 0o644)
	f, err = Fresh(path, 0o755)
	must(t, err, f.Close())
	has("", 0o755)
	if err := Replace(filepath.Join(dir, "absent", "f"), nil, 0o600, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directories are made only when they are asked for: got error %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "made", ".*")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, error %v", left, err)
	}
}

// A container has its own devices, which users name as files for output.
func TestDevices(t *testing.T) {
	if err := closed(Append("/dev/null", 0o666)); err != nil {
		t.Errorf("/dev/null: %v", err)
	}
	for _, path := range []string{"/dev/null", "/", "/dev"} {
		if err := closed(Overwrite(path, 0o644)); path != "/dev/null" && err == nil {
			t.Errorf("%s can be written", path)
		}
	}
}

// A container has its own output, which users name as a file, too. No other descriptor is for them.
func TestDescriptors(t *testing.T) {
	own, err := os.Create(filepath.Join(t.TempDir(), "own"))
	must(t, err)
	defer own.Close() //nolint:errcheck // nothing was written to it
	dir, _ := shared(t)
	linked := filepath.Join(dir, "linked")
	must(t, os.Symlink("/proc/self/fd/1", linked), os.Symlink("/dev/stdout", linked+".2"))
	fd, pid := strconv.Itoa(int(own.Fd())), strconv.Itoa(os.Getpid())
	const none = -1
	cases := map[string]struct {
		reason string
		path   string
		want   int
	}{
		"Stdout": {
			reason: "The usual name.",
			path:   "/dev/stdout",
			want:   syscall.Stdout,
		},
		"Stderr": {
			reason: "And that of the other one.",
			path:   "/dev/stderr",
			want:   syscall.Stderr,
		},
		"Unclean": {
			reason: "A path is taken for what it means.",
			path:   "//dev/./stdout",
			want:   syscall.Stdout,
		},
		"Number": {
			reason: "A descriptor by its number.",
			path:   "/dev/fd/1",
			want:   syscall.Stdout,
		},
		"OtherNumber": {
			reason: "And the other one.",
			path:   "/dev/fd/2",
			want:   syscall.Stderr,
		},
		"Self": {
			reason: "What the names are links to.",
			path:   "/proc/self/fd/1",
			want:   syscall.Stdout,
		},
		"Process": {
			reason: "A step may know the number of its entrypoint.",
			path:   "/proc/" + pid + "/fd/2",
			want:   syscall.Stderr,
		},
		"Stdin": {
			reason: "The input is not to be written to.",
			path:   "/dev/stdin",
			want:   none,
		},
		"InputNumber": {
			reason: "Nor is it by its number.",
			path:   "/dev/fd/0",
			want:   none,
		},
		"Own": {
			reason: "The entrypoint's own files are not the user's.",
			path:   "/dev/fd/" + fd,
			want:   none,
		},
		"OwnSelf": {
			reason: "Whatever they are called.",
			path:   "/proc/self/fd/" + fd,
			want:   none,
		},
		"OtherProcess": {
			reason: "The output of another process is not the step's.",
			path:   "/proc/" + strconv.Itoa(os.Getppid()) + "/fd/1",
			want:   none,
		},
		"Link": {
			reason: "A link that another step left is followed nowhere.",
			path:   linked,
			want:   none,
		},
		"LinkToName": {
			reason: "Nor to the name of the output.",
			path:   linked + ".2",
			want:   none,
		},
		"NoNumber": {
			reason: "A descriptor is a number.",
			path:   "/dev/fd/x",
			want:   none,
		},
		"Above": {
			reason: "The folder is no descriptor.",
			path:   "/dev/fd",
			want:   none,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f, err := Append(tc.path, 0o666)
			if tc.want == none {
				if err == nil {
					t.Errorf("%s\n%s can be written", tc.reason, tc.path)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s\ngot error %v", tc.reason, err)
			}
			var got, want syscall.Stat_t
			must(t, syscall.Fstat(int(f.Fd()), &got), syscall.Fstat(tc.want, &want), f.Close())
			if got.Dev != want.Dev || got.Ino != want.Ino {
				t.Errorf("%s\n%s is another file", tc.reason, tc.path)
			}
			must(t, syscall.Fstat(tc.want, &want)) // and it is still open
		})
	}
}

// What a container does not write its output to is not opened under the name of the output either.
func TestDescriptorOfAnotherKind(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	must(t, err)
	defer dir.Close() //nolint:errcheck // it was only opened
	if _, err := again(int(dir.Fd()), "/dev/stdout"); !errors.Is(err, ErrNotRegular) {
		t.Errorf("got error %v", err)
	}
}

// A file that is exchanged for a link all the time is never followed.
func TestExchangedAllTheTime(t *testing.T) {
	dir, outside := shared(t)
	path := filepath.Join(dir, "r")
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for err == nil {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				err = errors.Join(os.WriteFile(path+".1", nil, 0o200), os.Rename(path+".1", path),
					os.Symlink(outside, path+".2"), os.Rename(path+".2", path))
			}
		}
		stopped <- err
	}()
	added := 0
	for range 20_000 {
		if Allow(path, 0o444) {
			added++
		}
		f, err := Append(path, 0o600)
		if err == nil {
			_, err = f.WriteString("theirs")
			must(t, err, f.Close())
		}
	}
	close(stop)
	must(t, <-stopped)
	untouched(t, outside)
	t.Logf("the mode was changed %d times", added)
}

// The head of a program is read over links, as the kernel reads it, and nothing is waited for.
func TestReadHead(t *testing.T) {
	dir, outside := shared(t)
	for what, trap := range traps() {
		path := filepath.Join(dir, what)
		must(t, trap.set(path, outside))
		got, err := ReadHead(path, 2)
		follows := strings.HasPrefix(what, "Link") && what != "LinkLoop" && what != "LinkDangling" && what != "LinkDevice" || what == "HardLink"
		if follows && string(got) != secretText[:2] || !follows && err == nil {
			t.Errorf("%s: got %q and error %v", what, got, err)
		}
	}
}
