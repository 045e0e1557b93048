package inpod_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// mostKiB is how much memory the results sidecar may take, in KiB, whatever lies where results are expected.
const mostKiB = 8 << 10

// watchedSidecar is a results sidecar with an unprivileged user, whose memory is measured until it ends.
type watchedSidecar struct {
	*container
	read *os.File
}

// startWatched starts the sidecar with arguments. Its output goes into a pipe with little room, so that it cannot end
// before the last look: see records.
func (p *pod) startWatched(args ...string) *watchedSidecar {
	p.t.Helper()
	read, write, err := os.Pipe()
	must(p.t, err)
	const smallest = 4096 // a page is the least that a pipe can have
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, write.Fd(), syscall.F_SETPIPE_SZ, smallest); errno != 0 {
		p.t.Fatal("cannot make the pipe small:", errno)
	}
	c := p.startWith(func(cmd *exec.Cmd) { asNobody(cmd); cmd.Stdout = write }, args...)
	must(p.t, write.Close())
	p.t.Cleanup(func() { _ = read.Close() })
	return &watchedSidecar{container: c, read: read}
}

// records waits for the sidecar to end, and returns what it emitted, which must be whole, and how much memory it took
// at most, in KiB. What it emits last must be more than the pipe holds, which takes a value of some thousand bytes.
func (w *watchedSidecar) records() (records []frame.Record, peak int) {
	w.t.Helper()
	must(w.t, w.read.SetReadDeadline(time.Now().Add(deadline)))
	var stream bytes.Buffer
	var err error
	for err == nil {
		peak = max(peak, peakKiB(w.t, w.cmd.Process.Pid))
		_, err = io.CopyN(&stream, w.read, 512)
	}
	if !errors.Is(err, io.EOF) {
		w.t.Fatalf("the sidecar does not end: %v", err)
	}
	w.exit(0)
	return readStream(w.t, &stream), peak
}

// hostile is what can lie at the path of a result.
type hostile struct {
	reason string
	// steps are scripts that run one after the other, in the directory of the pod.
	steps []string
	// prepare runs before the steps, for what a script cannot do.
	prepare func(path string) error
	// as is the user that the steps run as; root when it is 0.
	as uint32
	// file is the name of the result's file, if it is not "bad".
	file string
	// want is the record that names the result.
	want frame.Record
	// says is what its detail must say.
	says string
}

func refused(kind frame.ProblemKind) frame.Problem { return frame.Problem{Result: "bad", Kind: kind} }

// hostileFiles are what the issue of this feature lists, by its words.
func hostileFiles() map[string]hostile {
	const limit, stranger = 10000, 1234
	tooLarge := func(size int64) frame.Problem {
		return frame.Problem{Result: "bad", Kind: frame.TooLarge, Size: size, Limit: limit}
	}
	const odd = "~sluice/1 n0nce 3 end {}\n\r\x1b[2J'\"$(x) \u202e\xff*?"
	return map[string]hostile{
		"10 GiB file": {
			reason: "A file of any size costs no more than its name.",
			steps:  []string{"truncate -s 10G results/bad"},
			want:   tooLarge(10 << 30),
		},
		"sparse file": {
			reason: "What is read counts, not what the disk holds.",
			steps:  []string{"truncate -s 10001 results/bad"},
			want:   tooLarge(10001),
		},
		"64 MiB file": {
			reason: "A peer's sidecar took 234 MB for it.",
			steps:  []string{"head -c 67108864 /dev/zero > results/bad"},
			want:   tooLarge(64 << 20),
		},
		"FIFO": {
			reason: "Nobody may ever write to a FIFO.",
			steps:  []string{"mkfifo -m 666 results/bad"},
			want:   refused(frame.NotRegular),
			says:   "FIFO",
		},
		"socket": {
			reason:  "A socket cannot be read.",
			prepare: socket,
			steps:   []string{":"},
			want:    refused(frame.NotRegular),
			says:    "socket",
		},
		"device": {
			reason: "A device may never end.",
			steps:  []string{"mknod -m 666 results/bad c 1 5"},
			want:   refused(frame.NotRegular),
			says:   "device",
		},
		"block device": {
			reason: "To open a device may have effects.",
			steps:  []string{"mknod -m 666 results/bad b 7 0"},
			want:   refused(frame.NotRegular),
			says:   "device",
		},
		"directory": {
			reason: "A directory is no value.",
			steps:  []string{"mkdir results/bad; touch results/bad/x"},
			want:   refused(frame.NotRegular),
			says:   "directory",
		},
		"symlink out": {
			reason: "A link may lead to a secret.",
			steps:  []string{"ln -s /etc/passwd results/bad"},
			want:   refused(frame.NotRegular),
			says:   "symbolic link",
		},
		"symlink loop": {
			reason: "A link may lead to itself.",
			steps:  []string{"ln -s bad results/bad"},
			want:   refused(frame.NotRegular),
			says:   "symbolic link",
		},
		"symlink to a device": {
			reason: "A link may lead to what never ends.",
			steps:  []string{"ln -s /dev/zero results/bad"},
			want:   refused(frame.NotRegular),
			says:   "symbolic link",
		},
		"mode 0000 owned by another user": {
			reason:  "What the step itself cannot open it cannot open for others.",
			as:      stranger,
			steps:   []string{":"},
			prepare: func(p string) error { return os.WriteFile(p, []byte("x"), 0o000) },
			want:    refused(frame.Unreadable),
			says:    "permission denied",
		},
		"mode 0000 owned by the step": {
			reason: "The entrypoint makes readable what is its user's.",
			as:     stranger,
			steps:  []string{"echo -n mine > results/bad; chmod 0 results/bad"},
			want:   result("bad", "mine"),
		},
		"umask 077": {
			reason: "The sidecar is another user, and reads it all the same.",
			as:     stranger,
			steps:  []string{"umask 077; echo -n private > results/bad"},
			want:   result("bad", "private"),
		},
		"folder closed": {
			reason: "Nor does a closed folder hide what is in it.",
			steps:  []string{"echo -n closed > results/bad; chmod 700 results"},
			want:   result("bad", "closed"),
		},
		"name with odd characters": {
			reason:  "A name that looks like a record does not become one.",
			file:    odd,
			prepare: func(p string) error { return os.MkdirAll(p, 0o755) },
			steps:   []string{`touch "results/$(printf 'a\nb *')"`},
			want:    refused(frame.NotRegular),
			says:    "~sluice/1 n0nce 3 end {}\n",
		},
		"not UTF-8": {
			reason: "What no API string can hold is refused, not altered.",
			steps:  []string{`printf 'a\377b' > results/bad`},
			want:   frame.Problem{Result: "bad", Kind: frame.NotUTF8, Size: 3},
		},
		"large and not UTF-8": {
			reason: "A file that is refused costs no more than one that is carried.",
			steps:  []string{`head -c 10000 /dev/zero | tr '\0' '\377' > results/bad`},
			want:   frame.Problem{Result: "bad", Kind: frame.NotUTF8, Size: 10000},
		},
		"result deleted by a later step": {
			reason: "What was there and is gone is not what was never there.",
			steps:  []string{"echo -n x > results/bad", "rm results/bad", ":"},
			want:   refused(frame.Missing),
			says:   `"step-0"`,
		},
		"result deleted and written again": {
			reason: "What counts is what is there in the end.",
			steps:  []string{"echo -n x > results/bad", "rm results/bad", "echo -n y > results/bad"},
			want:   result("bad", "y"),
		},
		"result deleted by the step that wrote it": {
			reason: "A step may change its mind.",
			steps:  []string{"echo -n x > results/bad; rm results/bad"},
		},
	}
}

func socket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return errors.Join(os.Chmod(path, 0o666), l.Close())
}

// Whatever lies at the path of one result, a record says what it is, the other results are carried, and the sidecar
// takes little memory and ends when the steps have.
func TestHostileFiles(t *testing.T) {
	for name, tc := range hostileFiles() {
		t.Run(name, func(t *testing.T) {
			p := reachable(t)
			path := p.path("results", "bad")
			if tc.file != "" {
				path = p.path("results", tc.file)
			}
			if tc.prepare != nil {
				must(t, tc.prepare(path))
			}
			got, peak := p.victims(tc, "-result=bad:string="+path)
			checkHostile(t, tc, got)
			if peak == 0 || peak > mostKiB {
				t.Errorf("%s\nthe sidecar took %d KiB, at most %d are allowed", tc.reason, peak, mostKiB)
			}
		})
	}
}

// victims runs the steps of a case between results that have done nothing wrong, and returns what the sidecar emitted
// after the records of the steps.
func (p *pod) victims(tc hostile, bad string) (records []frame.Record, peak int) {
	p.t.Helper()
	innocent := noise(6000)
	for _, name := range []string{"first", "last"} {
		must(p.t, os.WriteFile(p.path("results", name), []byte(innocent), 0o644))
	}
	args := append(p.sidecarArgs(len(tc.steps)), "-max-result-size", "10000", p.result("first"), bad, p.result("last"))
	sidecar := p.startWatched(args...)
	for i, text := range tc.steps {
		flags := append(p.script(text), p.result("first"), bad, p.result("last"))
		p.startWith(func(cmd *exec.Cmd) {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: tc.as, Gid: tc.as}
		}, p.stepArgs(i, flags)...).exit(0)
	}
	records, peak = sidecar.records()
	if len(records) < 2+len(tc.steps) {
		p.t.Fatalf("there are only %d records", len(records))
	}
	return records[1+len(tc.steps):], peak
}

func checkHostile(t *testing.T, tc hostile, got []frame.Record) {
	t.Helper()
	innocent := noise(6000)
	want := []frame.Record{result("first", innocent)}
	end := frame.End{Steps: len(tc.steps), Results: 2, Bytes: 12000}
	switch rec := tc.want.(type) {
	case frame.Result:
		end.Results++
		end.Bytes += int64(len(rec.Value))
		want = append(want, rec)
	case frame.Problem:
		end.Problems++
		want = append(want, rec)
	}
	want = append(want, result("last", innocent), end)
	if diff := cmp.Diff(want, got, forget); diff != "" {
		t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
	}
	for _, rec := range got {
		if p, ok := rec.(frame.Problem); ok && (p.Detail == "" || !strings.Contains(p.Detail, tc.says)) {
			t.Errorf("%s\nthe detail does not say %q: %q", tc.reason, tc.says, p.Detail)
		}
	}
}

// While a file grows, or is replaced, all the time, what is emitted is the file as it was at one moment, or a problem
// that names it.
func TestFilesThatDoNotHoldStill(t *testing.T) {
	old, other := strings.Repeat("a", 5000), strings.Repeat("b", 6000)
	cases := map[string]struct {
		reason  string
		disturb func(path string) error
		whole   func(value string) bool
	}{
		"growing file": {reason: "A file that grows has no value.", disturb: func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("a")
			return errors.Join(err, f.Close())
		}, whole: func(v string) bool { return strings.Trim(v, "a") == "" && len(v) >= len(old) }},
		"file replaced while read": {reason: "Two files are never mixed.", disturb: func(path string) error {
			return errors.Join(os.WriteFile(path+".new", []byte(other), 0o644), os.Rename(path+".new", path),
				os.WriteFile(path+".new", []byte(old), 0o644), os.Rename(path+".new", path))
		}, whole: func(v string) bool { return v == old || v == other }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := reachable(t)
			path := p.path("results", "bad")
			must(t, os.WriteFile(path, []byte(old), 0o644))
			stop, stopped := make(chan struct{}), make(chan error, 1)
			go func() {
				var err error
				for err == nil {
					select {
					case <-stop:
						stopped <- nil
						return
					default:
						err = tc.disturb(path)
					}
				}
				stopped <- err
			}()
			got, peak := p.victims(hostile{steps: []string{":"}}, p.result("bad"))
			close(stop)
			must(t, <-stopped)
			if len(got) != 4 || peak > mostKiB {
				t.Fatalf("%s\ngot %d records, and %d KiB of memory", tc.reason, len(got), peak)
			}
			switch rec := got[1].(type) {
			case frame.Result:
				if rec.Name != "bad" || !tc.whole(string(rec.Value)) {
					t.Errorf("%s\nresult %q has %d bytes that were never in the file", tc.reason, rec.Name, len(rec.Value))
				}
			case frame.Problem:
				if rec.Result != "bad" || rec.Kind != frame.Changed && rec.Kind != frame.TooLarge {
					t.Errorf("%s\ngot problem %+v", tc.reason, rec)
				}
			default:
				t.Errorf("%s\ngot %+v", tc.reason, rec)
			}
		})
	}
}

// Many large files that are refused cost no more memory than one that is carried.
func TestManyHostileFiles(t *testing.T) {
	p := reachable(t)
	bytesOf := func(b string) []byte { return []byte(strings.Repeat(b, results.ObjectLimit-100)) }
	args := p.sidecarArgs(0)
	for i := range 12 {
		name := fmt.Sprint("r", i)
		must(t, os.WriteFile(p.path("results", name), bytesOf([]string{"\xff", "a"}[i%2])[:results.ObjectLimit-100-i], 0o644))
		args = append(args, p.result(name))
	}
	must(t, os.WriteFile(p.path("results", "last"), nil, 0o644))
	records, peak := p.startWatched(append(args, p.result("last"))...).records()
	end, _ := records[len(records)-1].(frame.End)
	if end.Results != 2 || end.Problems != 11 {
		t.Errorf("one of two kinds fits, and the empty one: got %+v", end)
	}
	if peak == 0 || peak > mostKiB {
		t.Errorf("the sidecar took %d KiB, at most %d are allowed", peak, mostKiB)
	}
	t.Logf("peak resident memory: %d KiB", peak)
}
