package inpod_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// forgeEnd is what a step can do to look as if it had ended, in the directory of the pod.
const forgeEnd = `echo '{"name":"step-0","exitCode":0,"reason":"Completed","startedAt":"2026-01-01T00:00:00Z"}' > run/0/status
: > run/0/out
`

// forged is the record of a step that wrote a record of its end itself.
func forged(i, code int) frame.Step { return step(i, code, frame.ReasonForged) }

// withheld is what stands in the stream for a result of a run in which a step forged its end.
func withheld(name string) frame.Problem { return frame.Problem{Result: name, Kind: frame.Withheld} }

// A step that looks as if it had ended, and runs on, has not ended: the next step does not begin beside it, and the stream
// of the pod does not end. When it ends it has failed, and no result of the run is in the stream.
func TestForgedEndRunsOn(t *testing.T) {
	cases := map[string]struct {
		reason string
		// also is what the step does besides.
		also string
		// ends is how the script of the step ends, and code the exit code of its container then.
		ends string
		code int
	}{
		"Succeeds": {
			reason: "A step that ends well in the end has forged its end all the same.",
			ends:   "exit 0",
			code:   1,
		},
		"Fails": {
			reason: "What it ends with is told.",
			ends:   "exit 3",
			code:   3,
		},
		"Failure": {
			reason: "The file of a failure ends it as little.",
			also:   "mv run/0/out run/0/out.err",
			ends:   "exit 0",
			code:   1,
		},
		"RunningRemoved": {
			reason: "The file by which a killed entrypoint is seen is not what ends a step.",
			also:   "rm run/0/running",
			ends:   "exit 0",
			code:   1,
		},
		"RunningReplaced": {
			reason: "Nor is one that nobody has locked.",
			also:   "rm run/0/running; touch run/0/running",
			ends:   "exit 0",
			code:   1,
		},
		"RunningFIFO": {
			reason: "Nor is a FIFO, for which nobody waits.",
			also:   "rm run/0/running; mkfifo run/0/running",
			ends:   "exit 0",
			code:   1,
		},
		"RunningLink": {
			reason: "Nor is a link.",
			also:   "rm run/0/running; ln -s /dev/null run/0/running",
			ends:   "exit 0",
			code:   1,
		},
		"All": {
			reason: "Nor is an empty directory.",
			also:   "mv run/0/status run/0/.s; rm -f run/0/running; mv run/0/.s run/0/status",
			ends:   "exit 0",
			code:   1,
		},
		"Continues": {
			reason: "A step whose failure does not matter must not forge its end either.",
			ends:   "exit 5",
			code:   5,
		},
		"Background": {
			reason: "Nor may a process that it leaves in the background.",
			also:   "(while :; do cp run/0/status run/0/s2; mv run/0/s2 run/0/status; done) &",
			ends:   "exit 0",
			code:   1,
		},
		"Locks": {
			reason: "A lock that the step itself has is not what counts.",
			also:   "exec 8< run/0/; (flock -s 8; sleep 600) &",
			ends:   "exit 0",
			code:   1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			must(t, syscall.Mkfifo(p.path("go"), 0o600))
			sidecar := p.start(p.sidecarArgs(2, "digest")...)
			flags := p.script(forgeEnd + tc.also +
				"\necho evil > results/digest; touch begun; read line < go; echo late > results/digest; " +
				tc.ends)
			if name == "Continues" {
				flags = append(flags, "-on-error", "continue")
			}
			first := p.step(0, append(flags, p.result("digest")))
			second := p.step(1, append(p.script("touch second; echo good > results/digest"), p.result("digest")))
			eventually(t, "the first step has forged its end", func() bool { return p.exists("begun") })
			p.runsOn(0, second, sidecar)
			must(t, os.WriteFile(p.path("go"), []byte("\n"), 0o600))
			first.exit(tc.code)
			first.complained("wrote a record of its end")
			second.exit(frame.SkippedExitCode)
			sidecar.exit(0)
			if p.exists("second") {
				t.Errorf("%s\nthe next step ran", tc.reason)
			}
			want := []frame.Record{
				frame.Intro{Version: 1}, forged(0, tc.code), step(1, frame.SkippedExitCode, frame.ReasonSkipped),
				withheld("digest"), frame.End{Steps: 2, Problems: 1},
			}
			got := readStream(t, &sidecar.stdout)
			if diff := cmp.Diff(want, got, forget); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// What a step leaves in the background is gone before its end is recorded: it cannot replace the record of the end, the
// termination message or a result afterwards.
func TestBackgroundEndsWithTheStep(t *testing.T) {
	const all = "while touch alive; do :; done"
	cases := map[string]struct {
		reason string
		// leaves is a script that leaves something in the background that touches a file all the time.
		leaves string
	}{
		"Child":   {reason: "A child of the command.", leaves: "(" + all + ") &"},
		"Session": {reason: "One in a session and a process group of its own.", leaves: "setsid sh -c '" + all + "' &"},
		"Deaf":    {reason: "One that minds no signal.", leaves: "(trap '' TERM INT HUP QUIT; " + all + ") &"},
		"Orphan":  {reason: "One whose parent has ended.", leaves: "sh -c '(" + all + ") &'"},
		"Forks":   {reason: "One that is never the same process for long.", leaves: "echo 'touch alive && sh forks & exit' > forks; sh forks &"},
	}
	for name, tc := range cases {
		for _, shared := range []bool{false, true} {
			t.Run(map[bool]string{false: "OwnProcesses", true: "SharedProcesses"}[shared]+"/"+name, func(t *testing.T) {
				p := newPod(t, 1)
				c := p.startWith(func(cmd *exec.Cmd) {
					if shared { // as in a pod whose containers see each other's processes: the entrypoint is not the first one
						cmd.SysProcAttr = &syscall.SysProcAttr{}
					}
				}, p.stepArgs(0, p.script(tc.leaves+"\nwhile [ ! -e alive ]; do :; done"))...)
				c.exit(0)
				p.recorded(0, 0, frame.ReasonCompleted)
				c.complained("killed the processes that the command left running")
				if strings.Contains(c.stderr.String(), "background") {
					t.Errorf("%s\nit says: %s", tc.reason, &c.stderr)
				}
				if last, end := p.modified("alive"), p.modified("run", "0", "out"); last.After(end) {
					t.Errorf("%s\nit lived on after the end: %v, which is after %v", tc.reason, last, end)
				}
			})
		}
	}
}

// Background processes of a step have time to end on their own, so that output that the command writes through them is
// complete. A shell does not wait for a process substitution.
func TestBackgroundEndsByItself(t *testing.T) {
	const (
		tries = 20
		// untilTheEnd waits until the entrypoint knows that the command has ended.
		untilTheEnd = "while kill -0 $$ 2> kill.err; do :; done; "
	)
	cases := map[string]struct {
		reason string
		script string
		flags  []string
	}{
		"Child": {
			reason: "A child of the command.",
			script: "(" + untilTheEnd + "echo whole > results/digest) &",
		},
		"Orphan": {
			reason: "One whose parent has ended.",
			script: "((" + untilTheEnd + "echo whole > results/digest) &)",
		},
		"Children": {
			reason: "One that starts others.",
			script: "(" + untilTheEnd + "for i in 1 2 3; do sh -c true; done; echo whole > results/digest) &",
		},
		"Output": {
			reason: "One that writes to the output.",
			script: "(" + untilTheEnd + "echo whole) &",
			flags:  []string{"-stdout-path", "results/digest"},
		},
		"ProcessSubstitution": {
			reason: "The usual one.",
			script: "#!/bin/bash\nexec > >(" + untilTheEnd + "cat > results/digest)\necho whole",
		},
	}
	for name, tc := range cases {
		for _, shared := range []bool{false, true} {
			t.Run(map[bool]string{false: "OwnProcesses", true: "SharedProcesses"}[shared]+"/"+name, func(t *testing.T) {
				for whole, slow := 0, 0; whole < tries; {
					p := newPod(t, 1)
					c := p.startWith(func(cmd *exec.Cmd) {
						if shared {
							cmd.SysProcAttr = &syscall.SysProcAttr{}
						}
					}, p.stepArgs(0, append(p.script(tc.script), tc.flags...))...)
					c.exit(0)
					p.recorded(0, 0, frame.ReasonCompleted)
					if strings.Contains(c.stderr.String(), "killed the processes that the command left running") {
						// A machine that is busy with other tests may take its time for a try, and not for each.
						if slow++; slow == tries {
							t.Fatalf("%s\nit says: %s", tc.reason, &c.stderr)
						}
						continue
					}
					// A result without a warning is complete, each time.
					if got := p.read("results", "digest"); got != "whole\n" {
						t.Fatalf("%s\nthe result is %q; the step says: %s", tc.reason, got, &c.stderr)
					}
					whole++
				}
			})
		}
	}
}

// A process in the background does not have the last word on how its step ended.
func TestBackgroundCannotRecordTheEnd(t *testing.T) {
	p := newPod(t, 1)
	p.step(0, p.script("(while :; do [ ! -e run/0/exitCode ] || { "+strings.ReplaceAll(forgeEnd, "\n", "; ")+
		"touch replaced; exit; }; done) & exit 3")).exit(3)
	p.recorded(0, 3, frame.ReasonError)
	if p.exists("replaced") {
		t.Error("it lived on after the end")
	}
}

// modified is when a file of the pod was changed last.
func (p *pod) modified(elem ...string) time.Time {
	p.t.Helper()
	info, err := os.Stat(p.path(elem...))
	must(p.t, err)
	return info.ModTime()
}

// runsOn wants a step to be one that has not ended, and a container that waits for it to wait.
func (p *pod) runsOn(i int, waiting ...*container) {
	p.t.Helper()
	if state, s := rundir.Look(p.runDir(i)); state != rundir.Waiting {
		p.t.Errorf("step %d runs, and is in state %d with record %+v", i, state, s)
	}
	for _, c := range waiting {
		select {
		case <-c.ended:
			p.t.Errorf("a container did not wait for step %d; its output: %s%s", i, &c.stdout, &c.stderr)
		default:
		}
	}
}
