package inpod_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// This user owns nothing: the sidecar does not run as the user of the steps.
const nobody = 65534

// asNobody makes a container run as that user.
func asNobody(cmd *exec.Cmd) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
}

// sidecarArgs are the arguments of the results sidecar.
func (p *pod) sidecarArgs(steps int, resultNames ...string) []string {
	args := []string{"results", "-nonce", "n0nce", "-run-dir", p.path("run"), "-results-dir", p.path("results"),
		"-max-result-size", fmt.Sprint(results.ObjectLimit - 1)}
	for i := range steps {
		args = append(args, "-step", fmt.Sprint("step-", i))
	}
	for _, name := range resultNames {
		args = append(args, p.result(name))
	}
	return args
}

// readStream returns what a sidecar emitted, which must be whole.
func readStream(t *testing.T, stream io.Reader) []frame.Record {
	t.Helper()
	r := frame.NewReader(stream, "n0nce", frame.Limits{})
	var got []frame.Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatalf("cannot read the stream: %v", err)
		}
		got = append(got, rec)
	}
}

// forget leaves out what differs from run to run.
var forget = cmp.Options{
	cmpopts.IgnoreFields(frame.Result{}, "SHA256"), cmpopts.IgnoreFields(frame.End{}, "SHA256"),
	cmpopts.IgnoreFields(frame.Problem{}, "Detail"), cmpopts.IgnoreFields(frame.Step{}, "StartedAt", "FinishedAt", "Message"),
}

func step(i, code int, reason frame.Reason) frame.Step {
	return frame.Step{Name: fmt.Sprint("step-", i), ExitCode: code, Reason: reason}
}

func result(name, value string) frame.Result {
	return frame.Result{Name: name, Type: "string", Value: []byte(value)}
}

// reachable returns a pod whose directory that user can enter, unlike those of other tests.
func reachable(t *testing.T) *pod {
	t.Helper()
	p := newPod(t, 3)
	must(t, os.Chmod(filepath.Dir(p.dir), 0o755))
	return p
}

// A pod from beginning to end: steps with any umask, a sidecar that is another user, a failure in between.
func TestPod(t *testing.T) {
	p := reachable(t)
	flags := []string{p.result("text"), p.result("private"), p.result("absent"), p.result("locked"), p.result("early")}
	sidecar := p.startWith(asNobody, p.sidecarArgs(3, "early", "text", "private", "absent", "locked")...)
	steps := []*container{
		p.step(0, append(p.script("umask 077; printf 'a\\n\\tb' > results/text; echo -n early > results/early"), flags...)),
		p.step(1, append(p.script("umask 777; echo -n secret > results/private; echo kept; exit 3"), flags...)),
		p.step(2, append(p.script("echo -n never > results/absent"), flags...)),
	}
	for i, code := range []int{0, 3, 1} {
		steps[i].exit(code)
	}
	sidecar.exit(0)
	want := []frame.Record{
		frame.Intro{Version: 1}, step(0, 0, frame.ReasonCompleted), step(1, 3, frame.ReasonError), step(2, 1, frame.ReasonSkipped),
		result("early", "early"), result("text", "a\n\tb"), result("private", "secret"), frame.End{Steps: 3, Results: 3, Bytes: 15},
	}
	if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A file that the sidecar may not read is reported.
func TestUnreadableResult(t *testing.T) {
	p := reachable(t)
	must(t, os.WriteFile(p.path("results", "locked"), []byte("x"), 0o000))
	sidecar := p.startWith(asNobody, p.sidecarArgs(0, "locked")...)
	sidecar.exit(0)
	got := readStream(t, &sidecar.stdout)
	want := []frame.Record{frame.Intro{Version: 1}, frame.Problem{Result: "locked", Kind: frame.Unreadable}, frame.End{Problems: 1}}
	if diff := cmp.Diff(want, got, forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if detail := got[1].(frame.Problem).Detail; !strings.Contains(detail, "permission denied") {
		t.Errorf("detail %q does not say why", detail)
	}
}

// Only regular files are made readable, never what a link leads to.
func TestPublish(t *testing.T) {
	p := newPod(t, 1)
	must(t, os.WriteFile(p.path("secret"), nil, 0o600))
	c := p.step(0,
		append(p.script("ln -s ../secret results/link; mkdir -m 700 results/dir; umask 077; mkdir results/deep; echo > results/deep/value"),
			p.result("link"), p.result("dir"), "-result=value:string="+p.path("results", "deep", "value")))
	c.exit(0)
	for path, want := range map[string]os.FileMode{
		"secret": 0o600, "results/dir": os.ModeDir | 0o700, "results/deep": os.ModeDir | 0o755, "results/deep/value": 0o644,
		"results": os.ModeDir | 0o777,
	} {
		if info, err := os.Stat(p.path(path)); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v, error %v", path, info.Mode(), want, err)
		}
	}
}

// The largest set of results costs the sidecar little memory. It is looked at while its last bytes wait to be read.
func TestSidecarMemory(t *testing.T) {
	whole := []byte(noise(results.ObjectLimit - 1))
	many := func(p *pod) (names []string) {
		for i := range results.ObjectLimit / 4096 {
			name := fmt.Sprint("r", i)
			must(t, os.WriteFile(p.path("results", name), whole[i*4000:][:4096], 0o644))
			names = append(names, name)
		}
		return names
	}
	one := func(p *pod) []string {
		must(t, os.WriteFile(p.path("results", "r"), whole, 0o644))
		return []string{"r"}
	}
	// Each larger than the one before, so that no memory of the one before will do.
	growing := func(p *pod) (names []string) {
		for i, size := range []int{100_000, 200_000, 300_000, 400_000, 570_000} {
			name := fmt.Sprint("r", i)
			must(t, os.WriteFile(p.path("results", name), whole[:size], 0o644))
			names = append(names, name)
		}
		return names
	}
	text := func(p *pod) []string {
		must(t, os.WriteFile(p.path("results", "r"), bytes.Repeat([]byte("text "), results.ObjectLimit/5), 0o644))
		return []string{"r"}
	}
	for name, write := range map[string]func(*pod) []string{"One": one, "Many": many, "Growing": growing, "Compressible": text} {
		t.Run(name, func(t *testing.T) {
			p := reachable(t)
			got, peak := p.startWatched(p.sidecarArgs(0, write(p)...)...).records()
			if end := got[len(got)-1].(frame.End); end.Bytes < results.ObjectLimit-3000 {
				t.Errorf("only %d bytes of values were emitted", end.Bytes)
			}
			if peak == 0 || peak > mostKiB {
				t.Errorf("the sidecar took %d KiB, at most %d are allowed", peak, mostKiB)
			}
			t.Logf("peak resident memory: %d KiB", peak)
		})
	}
}

// peakKiB returns the largest resident memory that a process had so far, or 0 when it has ended.
func peakKiB(t *testing.T, pid int) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	must(t, err)
	defer f.Close() //nolint:errcheck // it was only read
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			return atoi(t, strings.Fields(rest)[0])
		}
	}
	return 0
}

// A sidecar that is stopped while a step runs reports what there is.
func TestSidecarIsAskedToEnd(t *testing.T) {
	p := newPod(t, 1)
	must(t, os.WriteFile(p.path("results", "r"), []byte("kept"), 0o600))
	sidecar := p.start(p.sidecarArgs(1, "r")...)
	running := p.step(0, p.script("touch begun; exec sleep 600"))
	eventually(t, "the step begins", func() bool { return p.exists("begun") })
	sidecar.emits()
	sidecar.signal(syscall.SIGTERM)
	sidecar.exit(0)
	running.signal(syscall.SIGTERM)
	running.exit(143)
	want := []frame.Record{
		frame.Intro{Version: 1}, step(0, frame.UnfinishedExitCode, frame.ReasonUnfinished), result("r", "kept"),
		frame.End{Steps: 1, Results: 1, Bytes: 4, Interrupted: true},
	}
	if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Each step's termination message has the results that this step made, and no others.
func TestTerminationMessages(t *testing.T) {
	p := newPod(t, 4)
	flags := func(i, budget int) []string {
		return []string{
			"-report-results", "-termination-path", p.path(fmt.Sprint("message-", i)), "-termination-budget", itoa(budget),
			"-max-result-size", "3000", p.result("a"), p.result("b"), p.result("c"), p.result("d"),
		}
	}
	scripts := []string{
		"echo -n 1 > results/a; echo -n 1 > results/b; echo -n 1 > results/d",
		"echo -n 1 > results/a; echo -n 2 > results/b; rm results/d", // the same again, another, none
		"head -c 3001 /dev/zero > results/c; cat results/a; exit 5",  // too large
		"",
	}
	var want []termination.Message
	for i, s := range scripts {
		c := p.step(i, append(flags(i, 4096), p.script(s)...))
		code, reason := 0, frame.ReasonCompleted
		switch {
		case i == 2:
			code, reason = 5, frame.ReasonError
		case i > 2:
			code, reason = 1, frame.ReasonSkipped
		}
		c.exit(code)
		want = append(want, termination.Message{Step: step(i, code, reason)})
	}
	value := func(name, v string) frame.Result { r := result(name, v); r.Type = ""; return r }
	want[0].Results = []frame.Result{value("a", "1"), value("b", "1"), value("d", "1")}
	want[1].Results = []frame.Result{value("b", "2")}
	want[1].Removed = []string{"d"}
	want[2].Problems = []frame.Problem{{Result: "c", Kind: frame.TooLarge, Size: 3001, Limit: 3000}}
	for i := range want {
		got, err := termination.ParseMessage([]byte(p.read(fmt.Sprint("message-", i))))
		if diff := cmp.Diff(want[i], got, forget); err != nil || diff != "" {
			t.Errorf("step %d: error %v, -want +got:\n%s", i, err, diff)
		}
	}
}

// Results that do not fit in the message are reported; the step itself has not failed.
func TestTerminationBudget(t *testing.T) {
	p := newPod(t, 1)
	must(t, os.WriteFile(p.path("value"), []byte(noise(2000)), 0o600))
	c := p.step(0, append(p.script("cat value > results/large; echo -n 1 > results/small; head -c 4000 /dev/zero | tr '\\0' x > results/even"),
		"-report-results", "-termination-path", p.path("message"), "-termination-budget", "1365",
		p.result("small"), p.result("large")))
	c.exit(0)
	p.recorded(0, 0, frame.ReasonCompleted)
	got, err := termination.ParseMessage([]byte(p.read("message")))
	want := termination.Message{
		Step: frame.Step{Reason: frame.ReasonCompleted}, Problems: []frame.Problem{{Result: "large", Kind: frame.OverBudget, Limit: 1365}},
	}
	ignoreSize := cmpopts.IgnoreFields(frame.Problem{}, "Size")
	if diff := cmp.Diff(want, got, forget, ignoreSize); err != nil || diff != "" {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
	if got.Problems[0].Size <= 1365 {
		t.Errorf("the message would have needed %d bytes, which fit", got.Problems[0].Size)
	}
}

// With sidecar-logs the message has the step's record alone.
func TestTerminationMessageBesideSidecar(t *testing.T) {
	p := newPod(t, 1)
	c := p.step(0, append(p.script("echo -n 1 > results/a"), p.result("a"), "-results-from", "sidecar-logs",
		"-termination-path", p.path("message"), "-termination-budget", "4096"))
	c.exit(0)
	got, err := termination.ParseMessage([]byte(p.read("message")))
	if diff := cmp.Diff(termination.Message{Step: step(0, 0, frame.ReasonCompleted)}, got, forget); err != nil || diff != "" {
		t.Errorf("error %v, -want +got:\n%s", err, diff)
	}
}

// A result of any size and content goes through a whole pod unchanged.
func TestLargeResultThroughPod(t *testing.T) {
	p := newPod(t, 1)
	want := noise(1400000)
	must(t, os.WriteFile(p.path("value"), []byte(want), 0o600))
	sidecar := p.start(p.sidecarArgs(1, "large")...)
	p.step(0, append(p.script("cat value > results/large"), p.result("large"))).exit(0)
	sidecar.exit(0)
	got := readStream(t, &sidecar.stdout)
	r, ok := got[2].(frame.Result)
	if !ok || r.SHA256 != sha256.Sum256([]byte(want)) || string(r.Value) != want {
		t.Errorf("the value has %d bytes and another digest", len(r.Value))
	}
}
