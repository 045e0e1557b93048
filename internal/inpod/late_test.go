package inpod_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// sharingProcesses makes a container one of a pod whose containers see each other's processes: the entrypoint is not the
// first process of its namespace.
func sharingProcesses(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{} }

// This makes a container run with an unprivileged user, and with its own processes in /proc.
func nobodySharingProcesses(cmd *exec.Cmd) {
	sharingProcesses(cmd)
	asNobody(cmd)
}

// eachProcessNamespace runs a test in both kinds of pods.
func eachProcessNamespace(t *testing.T, test func(t *testing.T, change func(*exec.Cmd))) {
	t.Helper()
	t.Run("OwnProcesses", func(t *testing.T) { test(t, func(*exec.Cmd) {}) })
	t.Run("SharedProcesses", func(t *testing.T) { test(t, sharingProcesses) })
}

// A process that the command left running is killed while it writes a result: the step has failed, since the result may be
// a part of what it was to be.
func TestResultOfAKilledProcess(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		flags  []string
		code   int
	}{
		"Redirection": {
			reason: "A helper that has written a part.",
			script: "(exec > results/digest; echo part; touch begun; sleep 600) &",
			code:   1,
		},
		"Appending": {
			reason: "One that adds to what the command wrote.",
			script: "echo part > results/digest; (exec >> results/digest; touch begun; sleep 600) &",
			code:   1,
		},
		"BothWays": {
			reason: "One that can also read the file.",
			script: "(exec 5<> results/digest; touch begun; sleep 600) &",
			code:   1,
		},
		"Inherited": {
			reason: "One that got the file from the command.",
			script: "exec 5> results/digest; echo part >&5; sleep 600 & touch begun",
			code:   1,
		},
		"Orphan": {
			reason: "One whose parent has ended.",
			script: "((exec > results/digest; echo part; touch begun; sleep 600) &)",
			code:   1,
		},
		"Session": {
			reason: "One in its own session.",
			script: "setsid sh -c 'exec > results/digest; echo part; touch begun; sleep 600' &",
			code:   1,
		},
		"Tee": {
			reason: "One that waits for another one.",
			script: "(echo part; touch begun; sleep 600) | tee results/digest > /dev/null &",
			code:   1,
		},
		"Among": {
			reason: "One among those that write nothing.",
			script: "sleep 600 & sleep 601 & (exec > results/digest; touch begun; sleep 600) & sleep 602 &",
			code:   1,
		},
		"Output": {
			reason: "One that writes to the output, which is a result.",
			script: "echo part; (touch begun; sleep 600; echo late) &",
			flags:  []string{"-stdout-path", "results/digest"},
			code:   1,
		},
		"Errors": {
			reason: "One that writes to the errors, which are a result.",
			script: "echo part >&2; (touch begun; sleep 600; echo late >&2) &",
			flags:  []string{"-stderr-path", "results/digest"},
			code:   1,
		},
		"Continues": {
			reason: "That the step's failure does not matter does not make the result whole.",
			script: "(exec > results/digest; echo part; touch begun; sleep 600) & while [ ! -e begun ]; do :; done; exit 5",
			flags:  []string{"-on-error", "continue"},
			code:   5,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			eachProcessNamespace(t, func(t *testing.T, change func(*exec.Cmd)) {
				p := newPod(t, 2)
				flags := append(p.script(tc.script+"\nwhile [ ! -e begun ]; do :; done"), p.result("other"), p.result("digest"))
				c := p.startWith(change, p.stepArgs(0, append(flags, tc.flags...))...)
				c.exit(tc.code)
				const says = `result "digest" may be incomplete`
				c.complained(says, "let the step wait")
				if s := p.recorded(0, tc.code, frame.ReasonError); !strings.Contains(s.Message, says) {
					t.Errorf("%s\nmessage: %q", tc.reason, s.Message)
				}
				p.step(1, nil, "touch", "second").exit(frame.SkippedExitCode)
			})
		})
	}
}

// The message names the process, so that its author finds it.
func TestKilledProcessIsNamed(t *testing.T) {
	eachProcessNamespace(t, func(t *testing.T, change func(*exec.Cmd)) {
		p := newPod(t, 1)
		c := p.startWith(change,
			p.stepArgs(0, append(p.script("exec 5> results/digest; sleep 600 5>&- & exec tail -f /dev/null & touch begun"), p.result("digest")))...)
		c.exit(1)
		c.complained(`("tail") had it open for writing when it was killed, 500ms after the command ended`)
	})
}

// A process that the command left running and that writes no result does not make the step fail.
func TestKilledProcessWithoutAResult(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		flags  []string
	}{
		"Daemon": {
			reason: "One that serves the command.",
			script: "echo whole > results/digest; sleep 600 &",
		},
		"Reader": {
			reason: "One that reads the result.",
			script: "echo whole > results/digest; sleep 600 < results/digest &",
		},
		"OtherFile": {
			reason: "One that writes another file, beside the results.",
			script: "echo whole > results/digest; sleep 600 > results/undeclared &",
		},
		"Replaced": {
			reason: "One that writes a file which is no result any more.",
			script: "exec 5> results/digest; sleep 600 & exec 5>&-; echo whole > new; mv new results/digest",
		},
		"Closed": {
			reason: "One that has closed the result.",
			script: "(exec 5> results/digest; echo whole >&5; exec 5>&-; touch begun; sleep 600) & while [ ! -e begun ]; do :; done",
		},
		"OtherStream": {
			reason: "One that could write to a stream that is no result.",
			script: "echo whole; sleep 600 > /dev/null &",
			flags:  []string{"-stdout-path", "results/digest", "-stderr-path", "errors"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			eachProcessNamespace(t, func(t *testing.T, change func(*exec.Cmd)) {
				p := newPod(t, 1)
				c := p.startWith(change, p.stepArgs(0, append(append(p.script(tc.script), p.result("digest")), tc.flags...))...)
				c.exit(0)
				p.recorded(0, 0, frame.ReasonCompleted)
				c.complained("killed the processes that the command left running")
				if got := p.read("results", "digest"); got != "whole\n" {
					t.Errorf("%s\nthe result is %q", tc.reason, got)
				}
			})
		})
	}
}

// A process in the background writes the result again and again, and is killed at any moment of that: if the step is
// green, the result is whole.
func TestKilledAtAnyMoment(t *testing.T) {
	const tries = 5
	cases := map[string]struct{ reason, script string }{
		"Truncates": {
			reason: "The file is empty for a moment.",
			script: "while :; do echo whole > results/digest; done & while [ ! -s results/digest ]; do :; done",
		},
		"Removes": {
			reason: "The file is away for a moment.",
			script: "while :; do rm -f results/digest; echo whole > results/digest; done & while [ ! -s results/digest ]; do :; done",
		},
		"Replaces": {
			reason: "The file is always whole.",
			script: "while :; do echo whole > new; mv new results/digest; done & while [ ! -s results/digest ]; do :; done",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			eachProcessNamespace(t, func(t *testing.T, change func(*exec.Cmd)) {
				for range tries {
					p := newPod(t, 1)
					c := p.startWith(change, p.stepArgs(0, append(p.script(tc.script), p.result("digest")))...)
					<-c.ended
					if c.cmd.ProcessState.ExitCode() != 0 {
						c.complained(`result "digest" may be incomplete`)
						continue
					}
					if !p.exists("results", "digest") {
						continue // it is absent, and a step that needs it does not start
					}
					if got := p.read("results", "digest"); got != "whole\n" {
						t.Fatalf("%s\nthe step is green, and the result is %q; the step says: %s", tc.reason, got, &c.stderr)
					}
				}
			})
		})
	}
}

// Where the kernel does not say whether a file is being written, since the file belongs to another user, the processes do.
// One that hides what it does can be writing the result.
func TestResultOfAnotherUser(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		code   int
		says   string
	}{
		"Writes": {
			reason: "A process that writes it.",
			script: "(exec >> results/digest; touch results/begun; exec sleep 600) & while [ ! -e results/begun ]; do :; done",
			code:   1,
			says:   `("sleep") had it open for writing`,
		},
		"Idle": {
			reason: "One that does not.",
			script: "sleep 600 &",
			code:   0,
			says:   "killed the processes that the command left running",
		},
		"Hidden": {
			reason: "One that does not let anyone look.",
			script: "./hidden 600 & while [ -r /proc/$!/fd ] && ls /proc/$!/fd; do :; done",
			code:   1,
			says:   "cannot determine whether",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := reachable(t)
			p.hidden()
			must(t, os.WriteFile(p.path("results", "digest"), []byte("whole\n"), 0o600), os.Chmod(p.path("results", "digest"), 0o666))
			c := p.startWith(nobodySharingProcesses, p.stepArgs(0, append(p.script(tc.script), p.result("digest")))...)
			c.exit(tc.code)
			c.complained(tc.says)
		})
	}
}

// A program that hides what it does, as ssh-agent, and a result of the step's user: the kernel says that nothing writes it.
func TestHiddenProcessWritesNoResult(t *testing.T) {
	p := reachable(t)
	p.hidden()
	c := p.startWith(nobodySharingProcesses,
		p.stepArgs(0, append(p.script("echo whole > results/digest; ./hidden 600 &"), p.result("digest")))...)
	c.exit(0)
	p.recorded(0, 0, frame.ReasonCompleted)
}

// hidden makes a program that sleeps, and whose processes do not let other users look: it may be run and not be read.
func (p *pod) hidden() {
	p.t.Helper()
	sleep, err := exec.LookPath("sleep")
	must(p.t, err)
	program, err := os.ReadFile(sleep)
	must(p.t, err, os.WriteFile(p.path("hidden"), program, 0o600), os.Chmod(p.path("hidden"), 0o711))
}
