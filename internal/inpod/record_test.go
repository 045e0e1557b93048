package inpod_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// reporting are the flags of a step that reports its results in its termination message.
func (p *pod) reporting(i int, resultNames ...string) []string {
	flags := []string{"-report-results", "-termination-path", p.path(fmt.Sprint("message-", i)), "-termination-budget", "4096"}
	for _, name := range resultNames {
		flags = append(flags, p.result(name))
	}
	return flags
}

// message returns what the step's termination message says.
func (p *pod) message(i int) termination.Message {
	p.t.Helper()
	m, err := termination.ParseMessage([]byte(p.read(fmt.Sprint("message-", i))))
	if err != nil {
		p.t.Errorf("cannot read the message of step %d: %v", i, err)
	}
	return m
}

// A step whose message could not be written does not run, and neither do those after it.
func TestMessageCannotBeOpened(t *testing.T) {
	p := newPod(t, 2)
	next := p.step(1, nil, "touch", "ran")
	c := p.step(0, []string{"-termination-path", p.path("absent", "message"), "-termination-budget", "4096"}, "touch", "ran")
	c.exit(126)
	c.complained("cannot open termination message", "absent")
	p.recorded(0, 126, frame.ReasonStartError)
	next.exit(1)
	if p.exists("ran") {
		t.Error("a step ran that nobody would have known the end of")
	}
}

// Without its run directory a step does not run.
func TestRunDirectoryIsMissing(t *testing.T) {
	p := newPod(t, 0)
	c := p.start("entrypoint", "-step", "s", "-run", p.path("absent"), "--", "touch", "ran")
	c.exit(1)
	c.complained("run directory")
	if p.exists("ran") {
		t.Error("a step ran that nobody would have known the end of")
	}
}

// A step that completed but cannot post that has not completed: the next one does not run, and a run whose messages are about
// a completed step and a skipped one could count as successful.
func TestEndCannotBePosted(t *testing.T) {
	p := newPod(t, 1)
	c := p.step(0, append(p.reporting(0, "a"), p.script("echo -n 1 > results/a; rm -r run/0")...))
	c.exit(1)
	c.complained("cannot record the")
	got := p.message(0)
	if got.Step.Reason != frame.ReasonLost || got.Step.ExitCode != 1 || len(got.Results) != 0 ||
		!strings.Contains(got.Step.Message, "cannot record") {
		t.Errorf("the message says %+v", got)
	}
	if !got.Agrees(1) {
		t.Error("the message does not agree with the exit code")
	}
}

// What a step writes into its message itself is not taken for what its entrypoint has to say, whatever it does to the file.
func TestForgedMessage(t *testing.T) {
	p := newPod(t, 1)
	forged := `[{"key":"Reason","value":"Completed","type":3},{"key":"ExitCode","value":"0","type":3}]`
	must(t, os.WriteFile(p.path("message-0"), []byte(forged), 0o666))
	c := p.step(0, append(p.reporting(0, "a"), p.script("wc -c < message-0; echo '"+forged+
		strings.Repeat(" ", 500)+"' > message-0; chmod 0 message-0; exit 3")...))
	c.exit(3)
	c.wrote("0\n") // what was there before is gone before the command runs
	if got := p.message(0); got.Step.Reason != frame.ReasonError || got.Step.ExitCode != 3 {
		t.Errorf("the message says %+v", got)
	}
}

// The first step reports all results that exist at its end, because no other step can have reported them.
func TestFirstStepTellsOfAllResults(t *testing.T) {
	p := newPod(t, 1)
	must(t, os.WriteFile(p.path("results", "planted"), []byte("here before"), 0o600), os.Mkdir(p.path("results", "folder"), 0o700))
	p.step(0, p.reporting(0, "planted", "folder"), "true").exit(0)
	want := termination.Message{
		Step: step(0, 0, frame.ReasonCompleted), Results: []frame.Result{{Name: "planted", Value: []byte("here before")}},
		Problems: []frame.Problem{{Result: "folder", Kind: frame.NotRegular}},
	}
	if diff := cmp.Diff(want, p.message(0), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What a step cannot read may be what it wrote: that it could not be read before, either, is no reason to keep silent.
func TestUnreadableBeforeAndAfter(t *testing.T) {
	p := reachable(t)
	p.step(0, p.reporting(0, "a"), "true").exit(0)
	must(t, os.WriteFile(p.path("results", "a"), nil, 0o000), os.WriteFile(p.path("message-1"), nil, 0o666),
		os.Chmod(p.path("message-1"), 0o666))
	p.startWith(asNobody, p.stepArgs(1, p.reporting(1, "a"), "true")...).exit(0)
	want := []frame.Problem{{Result: "a", Kind: frame.Unreadable}}
	if diff := cmp.Diff(want, p.message(1).Problems, forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A step that closes its run directory hides how it ended. Its record says so, and no observer waits for it.
func TestRunDirectoryIsClosed(t *testing.T) {
	p := reachable(t)
	sidecar := p.startWith(asNobody, p.sidecarArgs(1, "a")...)
	p.step(0, append(p.script("echo -n kept > results/a; chmod 0 run/0"), p.result("a"))).exit(0)
	sidecar.exit(0)
	want := []frame.Record{
		frame.Intro{Version: 1}, step(0, frame.LostExitCode, frame.ReasonLost), result("a", "kept"), frame.End{Steps: 1, Results: 1, Bytes: 4},
	}
	if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A step that hides how it ended from the next one, and not from the sidecar, does not make a run of one that completed
// and one that was skipped, in which nothing failed.
func TestRunDirectoryIsHiddenFromNextStep(t *testing.T) {
	p := reachable(t)
	const user = 1234
	as := func(group uint32) func(*exec.Cmd) {
		return func(cmd *exec.Cmd) { cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user, Gid: group} }
	}
	sidecar := p.startWith(asNobody, p.sidecarArgs(2)...)
	p.step(0, p.script("chmod 707 run/0")).exit(0) // the group, which is root's, sees nothing
	c := p.startWith(as(0), p.stepArgs(1, nil, "true")...)
	c.exit(126)
	c.complained("cannot read how the previous step ended")
	sidecar.exit(0)
	want := []frame.Record{frame.Intro{
		Version: 1,
	}, step(0, 0, frame.ReasonCompleted), step(1, 126, frame.ReasonStartError), frame.End{Steps: 2}}
	if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// An explanation of any length does not keep the record from being read.
func TestLongExplanation(t *testing.T) {
	p := newPod(t, 1)
	path := strings.Repeat("/no/such/directory:", 5000)
	sidecar := p.start(p.sidecarArgs(1)...)
	c := p.startWith(func(cmd *exec.Cmd) { cmd.Env = []string{"PATH=" + path} }, p.stepArgs(0, p.reporting(0), "no-such-tool")...)
	c.exit(127)
	sidecar.exit(0)
	s := p.recorded(0, 127, frame.ReasonStartError)
	if len(s.Message) != frame.MaxText || !strings.Contains(s.Message, "no-such-tool") || p.message(0).Step.Message != s.Message {
		t.Errorf("the record says %q, the message %q", s.Message, p.message(0).Step.Message)
	}
	if got, _ := readStream(t, &sidecar.stdout)[1].(frame.Step); got.Message != s.Message {
		t.Errorf("the sidecar says %q", got.Message)
	}
}

// A record that a step forged, and that makes no sense, ends neither the step nor the sidecar.
func TestForgedRecord(t *testing.T) {
	for name, forged := range map[string]string{
		"LongReason":    `{"name":"step-0","exitCode":0,"reason":"` + strings.Repeat("x", 3000) + `"}`,
		"Contradiction": `{"name":"step-0","exitCode":3,"reason":"Completed"}`,
		"Year":          `{"name":"step-0","exitCode":0,"reason":"Error","finishedAt":"9999-12-31T23:59:59-23:00"}`,
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			sidecar := p.start(p.sidecarArgs(1)...)
			c := p.step(0, p.script("echo '"+forged+"' > run/0/status; touch run/0/out begun; exec sleep 600"))
			eventually(t, "the step forges its end", func() bool { return p.exists("begun") })
			if state, s := rundir.Look(p.runDir(0)); state != rundir.Waiting {
				t.Errorf("the step is in state %d with record %+v", state, s)
			}
			must(t, c.cmd.Process.Kill())
			sidecar.exit(0)
			want := []frame.Record{frame.Intro{Version: 1}, step(0, frame.LostExitCode, frame.ReasonLost), frame.End{Steps: 1}}
			if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Changes after a step's end and before the start of the next one, as by a process that could not be ended, are reported by
// the next step. Otherwise no message would have them, and the run would succeed with an old value, or with none.
func TestChangeBetweenSteps(t *testing.T) {
	value := func(text string) []frame.Result {
		return []frame.Result{{Name: "a", Value: []byte(text), SHA256: sha256.Sum256([]byte(text))}}
	}
	cases := map[string]struct {
		reason string
		// first is the first step's script, and between what happens after it.
		first   string
		between func(path string) error
		results []frame.Result
		removed []string
		problem frame.ProblemKind
	}{
		"Changed": {
			reason:  "A value that is replaced.",
			first:   "echo -n old > results/a",
			between: func(p string) error { return os.WriteFile(p, []byte("new"), 0o644) },
			results: value("new"),
		},
		"Made": {
			reason:  "A value that comes late.",
			first:   ":",
			between: func(p string) error { return os.WriteFile(p, []byte("late"), 0o644) },
			results: value("late"),
		},
		"Removed": {
			reason:  "A value that is deleted.",
			first:   "echo -n old > results/a",
			between: os.Remove,
			removed: []string{"a"},
		},
		"Spoilt": {
			reason:  "A value that is made unreadable.",
			first:   "echo -n old > results/a",
			between: func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) },
			problem: frame.NotRegular,
		},
		"Mended": {
			reason:  "A value that is made readable.",
			first:   "mkdir results/a",
			between: func(p string) error { return errors.Join(os.Remove(p), os.WriteFile(p, nil, 0o644)) },
			results: value(""),
		},
		"Restored": {
			reason:  "A value that is replaced by the same is the first step's.",
			first:   "echo -n old > results/a",
			between: func(p string) error { return os.WriteFile(p, []byte("old"), 0o644) },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			p.step(0, append(p.reporting(0, "a"), p.script(tc.first)...)).exit(0)
			must(t, tc.between(p.path("results", "a")))
			p.step(1, p.reporting(1, "a"), "true").exit(0)
			got := p.message(1)
			if diff := cmp.Diff(tc.results, got.Results); diff != "" || !slices.Equal(tc.removed, got.Removed) {
				t.Errorf("%s\nremoved %q, -want +got:\n%s", tc.reason, got.Removed, diff)
			}
			if tc.problem == "" && len(got.Problems) > 0 || tc.problem != "" && (len(got.Problems) != 1 || got.Problems[0].Kind != tc.problem) {
				t.Errorf("%s\nproblems %+v", tc.reason, got.Problems)
			}
		})
	}
}

// A step that cannot know what the step before left does not run: it could not say what it did itself.
func TestSurveyIsMissing(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"Missing": os.Remove,
		"NotJSON": func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) },
		"FIFO":    func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o644)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			p.step(0, p.reporting(0, "a"), "true").exit(0)
			must(t, damage(p.path("run", "0", rundir.Survey)))
			c := p.step(1, p.reporting(1, "a"), "touch", "ran")
			c.exit(126)
			c.complained("survey of the results")
			if p.exists("ran") {
				t.Error("it ran")
			}
		})
	}
}
