package inpod_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// TestPeers holds what went wrong in other systems that carry results, and must not go wrong here. Numbers are of
// tektoncd/pipeline.
func TestPeers(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"exit 137 without OOMKilled: the sidecar waited for ever (#10371)":             killedEntrypointEndsSidecar,
		"an unreadable result: the sidecar ignored SIGTERM":                            unreadableAndAskedToEnd,
		"an unreadable result: the sidecar panicked into its own log":                  nothingButRecords,
		"the limit counted the encoded line: 4096 admitted 4057 bytes":                 limitCountsTheValue,
		"over the limit: the result was not named, the others were lost":               overTheLimit,
		"the sum was over 1.5 MiB and etcd refused the object for ever (#6076)":        sumIsOverTheLimit,
		"the sidecar looked all the time, with more than one processor (#8901, #8938)": idleSidecar,
		"all scripts together had 98 kB, whatever the flag said (#7513, #8398)":        megabyteScript,
		"step messages repeated all earlier results (#10334, #4808)":                   twelveStepsOf450Bytes,
	} {
		t.Run(name, test)
	}
}

func killedEntrypointEndsSidecar(t *testing.T) {
	p := newPod(t, 2)
	sidecar := p.start(p.sidecarArgs(2, "a")...)
	first, second := p.step(0, p.script("echo -n kept > results/a; touch begun; exec sleep 600")), p.step(1, nil, "true")
	eventually(t, "the step begins", func() bool { return p.exists("begun") })
	must(t, first.cmd.Process.Kill())
	second.exit(1)
	sidecar.exit(0)
	want := []frame.Record{
		frame.Intro{Version: 1}, step(0, frame.LostExitCode, frame.ReasonLost), step(1, frame.SkippedExitCode, frame.ReasonSkipped),
		result("a", "kept"), frame.End{Steps: 2, Results: 1, Bytes: 4},
	}
	if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// unreadable puts what cannot be read where results are expected, and returns the names.
func (p *pod) unreadable() []string {
	p.t.Helper()
	must(p.t, syscall.Mkfifo(p.path("results", "fifo"), 0o666), os.WriteFile(p.path("results", "closed"), nil, 0),
		os.Mkdir(p.path("results", "folder"), 0o700))
	return []string{"fifo", "closed", "folder"}
}

func unreadableAndAskedToEnd(t *testing.T) {
	p := reachable(t)
	sidecar := p.startWith(asNobody, p.sidecarArgs(1, p.unreadable()...)...)
	running := p.step(0, p.script("touch begun; exec sleep 600"))
	eventually(t, "the step begins", func() bool { return p.exists("begun") })
	sidecar.emits()
	sidecar.signal(syscall.SIGTERM)
	sidecar.exit(0)
	running.signal(syscall.SIGTERM)
	running.exit(143)
	got := readStream(t, &sidecar.stdout)
	want := frame.End{Steps: 1, Problems: 3, Interrupted: true}
	if diff := cmp.Diff(frame.Record(want), got[len(got)-1], forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func nothingButRecords(t *testing.T) {
	p := reachable(t)
	sidecar := p.startWith(asNobody, p.sidecarArgs(0, p.unreadable()...)...)
	sidecar.exit(0)
	if sidecar.stderr.Len() != 0 {
		t.Errorf("the sidecar complains: %s", &sidecar.stderr)
	}
	for line := range strings.Lines(sidecar.stdout.String()) {
		if !strings.HasPrefix(line, "~sluice/1 n0nce ") {
			t.Errorf("this is no record: %q", line)
		}
	}
}

func limitCountsTheValue(t *testing.T) {
	p := newPod(t, 0)
	args := p.sidecarArgs(0)
	texts := []string{"<", "\"", "\\", "\x01", "\n", "&", "x"}
	for i, text := range texts {
		name := fmt.Sprint("r", i)
		must(t, os.WriteFile(p.path("results", name), []byte(strings.Repeat(text, 4096)), 0o600))
		args = append(args, p.result(name))
	}
	sidecar := p.start(append(args, "-max-result-size", "4096")...)
	sidecar.exit(0)
	got := readStream(t, &sidecar.stdout)
	want := frame.End{Results: len(texts), Bytes: int64(4096 * len(texts))}
	if diff := cmp.Diff(frame.Record(want), got[len(got)-1], forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func overTheLimit(t *testing.T) {
	p := newPod(t, 0)
	must(t, os.WriteFile(p.path("results", "large"), []byte(noise(4097)), 0o600),
		os.WriteFile(p.path("results", "small"), []byte("kept"), 0o600))
	sidecar := p.start(append(p.sidecarArgs(0, "large", "small"), "-max-result-size", "4096")...)
	sidecar.exit(0)
	want := []frame.Record{
		frame.Intro{Version: 1}, frame.Problem{Result: "large", Kind: frame.TooLarge, Size: 4097, Limit: 4096}, result("small", "kept"),
		frame.End{Results: 1, Problems: 1, Bytes: 4},
	}
	if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func sumIsOverTheLimit(t *testing.T) {
	p := newPod(t, 0)
	half := noise(results.ObjectLimit/2 + 1)
	for _, name := range []string{"a", "b"} {
		must(t, os.WriteFile(p.path("results", name), []byte(half), 0o600))
	}
	sidecar := p.start(p.sidecarArgs(0, "a", "b")...)
	sidecar.exit(0)
	got := readStream(t, &sidecar.stdout)
	if a, ok := got[1].(frame.Result); !ok || string(a.Value) != half {
		t.Error("the first result did not arrive")
	}
	want := []frame.Record{
		frame.Problem{Result: "b", Kind: frame.TotalTooLarge, Size: results.ObjectLimit + 2, Limit: results.ObjectLimit},
		frame.End{Results: 1, Problems: 1, Bytes: results.ObjectLimit/2 + 1},
	}
	if diff := cmp.Diff(want, got[2:], forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// idleSidecar looks at the time that processors gave to a sidecar while it waited. A peer's took all it could get.
func idleSidecar(t *testing.T) {
	p := newPod(t, 12)
	sidecar := p.start(p.sidecarArgs(12)...)
	sidecar.emits()
	p.step(0, p.script("sleep 1")).exit(0)
	sidecar.signal(syscall.SIGTERM)
	sidecar.exit(0)
	const most = 200 * time.Millisecond // of a second, and of a grace of two
	if used := sidecar.cmd.ProcessState.UserTime() + sidecar.cmd.ProcessState.SystemTime(); used > most {
		t.Errorf("the sidecar used %v of a processor while it waited", used)
	}
}

// Twelve steps of 450 bytes each fit, since no message repeats what the steps before it wrote.
func twelveStepsOf450Bytes(t *testing.T) {
	const steps, size = 12, 450
	p := newPod(t, steps)
	var names []string
	for i := range steps {
		names = append(names, fmt.Sprint("r", i))
		must(t, os.WriteFile(p.path(names[i]), []byte(noise(size+i)), 0o600))
	}
	for i := range steps {
		flags := append(p.reporting(i, names...), "-termination-budget", itoa(termination.Budget(steps)))
		p.step(i, append(flags, p.script(fmt.Sprintf("cat r%d > results/r%d; cat results/*", i, i))...)).exit(0)
		want := []frame.Result{{Name: names[i], Value: []byte(noise(size + i))}}
		got := p.message(i)
		if diff := cmp.Diff(want, got.Results, forget); diff != "" || len(got.Problems) != 0 {
			t.Errorf("step %d: problems %+v, -want +got:\n%s", i, got.Problems, diff)
		}
	}
}
