package inpod_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// All containers of a pod start at once, in any order; the steps run one after the other.
func TestStepsRunInOrder(t *testing.T) {
	p := newPod(t, 4)
	var steps []*container
	for i := 3; i >= 0; i-- {
		steps = append(steps, p.step(i, p.script("echo -n "+string(rune('a'+i))+" >> log")))
	}
	for i, c := range steps {
		c.exit(0)
		p.recorded(3-i, 0, frame.ReasonCompleted)
	}
	if got := p.read("log"); got != "abcd" {
		t.Errorf("the steps ran as %q", got)
	}
	if got := p.read("run", "3", "exitCode"); got != "0" {
		t.Errorf("exit code file: %q", got)
	}
}

func TestFailureSkipsLaterSteps(t *testing.T) {
	p := newPod(t, 3)
	last, middle := p.step(2, nil, "touch", "ran-2"), p.step(1, nil, "touch", "ran-1")
	p.step(0, p.script("exit 42")).exit(42)
	middle.exit(1)
	last.exit(1)
	p.recorded(0, 42, frame.ReasonError)
	for i := 1; i < 3; i++ {
		if s := p.recorded(i, frame.SkippedExitCode, frame.ReasonSkipped); !s.StartedAt.IsZero() || s.FinishedAt.IsZero() {
			t.Errorf("a skipped step has the times %v and %v", s.StartedAt, s.FinishedAt)
		}
	}
	if p.exists("ran-1") || p.exists("ran-2") {
		t.Error("a step ran after a failure")
	}
}

func TestOnErrorContinue(t *testing.T) {
	p := newPod(t, 2)
	p.step(0, append(p.script("exit 42"), "-on-error", "continue")).exit(0)
	p.step(1, p.script("exit 7")).exit(7)
	p.recorded(0, 42, frame.ReasonContinued)
	p.recorded(1, 7, frame.ReasonError)
	if got := p.read("run", "0", "exitCode"); got != "42" {
		t.Errorf("exit code file: %q", got)
	}
}

// A step that makes its own end file does not start the next one early.
func TestForgedEnd(t *testing.T) {
	p := newPod(t, 2)
	must(t, syscall.Mkfifo(p.path("go"), 0o600))
	first := p.step(0, p.script("touch run/0/out; touch forged; read line < go; echo -n 0 >> log"))
	second := p.step(1, p.script("echo -n 1 >> log"))
	eventually(t, "the first step makes its end file", func() bool { return p.exists("forged") })
	must(t, os.WriteFile(p.path("go"), []byte("\n"), 0o600))
	first.exit(0)
	second.exit(0)
	if got := p.read("log"); got != "01" {
		t.Errorf("the steps ran as %q", got)
	}
}

// When an entrypoint is killed, the next one does not wait forever.
func TestKilledEntrypoint(t *testing.T) {
	p := newPod(t, 2)
	second := p.step(1, nil, "touch", "ran")
	first := p.step(0, p.script("touch begun; exec sleep 600"))
	eventually(t, "the first step begins", func() bool { return p.exists("begun") })
	first.signal(syscall.SIGKILL)
	second.exit(1)
	p.recorded(1, frame.SkippedExitCode, frame.ReasonSkipped)
	if state, _ := rundir.Look(p.runDir(0)); state != rundir.Lost || p.exists("ran") {
		t.Errorf("the first step is in state %d, and the second one ran: %t", state, p.exists("ran"))
	}
}

func TestSignalWhileRunning(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		signal syscall.Signal
		code   int
		want   frame.Reason
	}{
		"Default": {
			reason: "A step that does not mind a signal ends by it.",
			script: "touch begun; exec sleep 600",
			signal: syscall.SIGTERM,
			code:   143,
			want:   frame.ReasonCancelled,
		},
		"Group": {
			reason: "A command gets the signal although the shell that waits for it hands on none.",
			script: `trap : TERM; sh -c 'trap "touch cleaned; exit 7" TERM; touch begun; while true; do sleep 0.01; done' || exit 5`,
			signal: syscall.SIGTERM,
			code:   5,
			want:   frame.ReasonCancelled,
		},
		"Trap": {
			reason: "A step may clean up and choose its exit code.",
			script: "trap 'touch cleaned; exit 7' TERM; touch begun; while true; do sleep 0.01; done",
			signal: syscall.SIGTERM,
			code:   7,
			want:   frame.ReasonCancelled,
		},
		"Graceful": {
			reason: "A step that ends well when it is asked to has ended well.",
			script: "trap 'exit 0' TERM; touch begun; while true; do sleep 0.01; done",
			signal: syscall.SIGTERM,
			want:   frame.ReasonCompleted,
		},
		"Interrupt": {
			reason: "Other signals that ask to end are handed on, too.",
			script: "touch begun; exec sleep 600",
			signal: syscall.SIGINT,
			code:   130,
			want:   frame.ReasonCancelled,
		},
		"User": {
			reason: "Signals with a meaning of the step's own are handed on.",
			script: "trap 'exit 9' USR1; touch begun; while true; do sleep 0.01; done",
			signal: syscall.SIGUSR1,
			code:   9,
			want:   frame.ReasonError,
		},
		"Hangup": {
			reason: "A signal that ends the step without asking kills it.",
			script: "touch begun; exec sleep 600",
			signal: syscall.SIGHUP,
			code:   129,
			want:   frame.ReasonKilled,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			c := p.step(0, p.script(tc.script))
			eventually(t, "the step begins", func() bool { return p.exists("begun") })
			c.signal(tc.signal)
			c.exit(tc.code)
			p.recorded(0, tc.code, tc.want)
			if strings.Contains(tc.script, "cleaned") && !p.exists("cleaned") {
				t.Errorf("%s\nthe step did not clean up", tc.reason)
			}
		})
	}
}

func TestSignalItself(t *testing.T) {
	p := newPod(t, 1)
	p.step(0, p.script("kill -KILL $$")).exit(137)
	if s := p.recorded(0, 137, frame.ReasonKilled); !strings.Contains(s.Message, "killed") {
		t.Errorf("message %q does not say which signal it was", s.Message)
	}
}

// A step that waits ends at once when it is asked to, whichever signal its image asks with.
func TestSignalWhileWaiting(t *testing.T) {
	for name, s := range map[string]syscall.Signal{"Terminate": syscall.SIGTERM, "Quit": syscall.SIGQUIT, "WindowChange": syscall.SIGWINCH} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			c := p.step(1, nil, "touch", "ran")
			eventually(t, "the step waits", func() bool { return p.exists("run", "1", "running") })
			c.signal(s)
			c.exit(128 + int(s))
			p.recorded(1, 128+int(s), frame.ReasonCancelled)
			if p.exists("ran") || !p.exists("run", "1", "out.err") {
				t.Error("the step ran, or the next one would")
			}
		})
	}
}

// Input, output, environment, limits and working directory are the container's.
func TestContainerIsPassedOn(t *testing.T) {
	p := newPod(t, 1)
	const report = `cat; env | grep -v -e ^_= -e ^PWD= -e ^SHLVL= -e ^OLDPWD= | sort; ulimit -a; umask; echo ` +
		`"[$1]" "[$2]"; pwd; echo err >&2; ls /proc/self/fd`
	input := "line\nno newline"
	direct := exec.Command("sh", "-c", report, "sh", "a b", "$(x)")
	direct.Dir = p.dir
	direct.Env = []string{"PATH=" + os.Getenv("PATH"), "A=1\n2", "EMPTY="}
	direct.Stdin = strings.NewReader(input)
	want, err := direct.Output()
	must(t, err)
	c := p.startWith(func(cmd *exec.Cmd) {
		cmd.Env, cmd.Stdin = direct.Env, strings.NewReader(input)
	}, p.stepArgs(0, nil, "sh", "-c", report, "sh", "a b", "$(x)")...)
	c.exit(0)
	c.wrote(string(want))
	c.complained("err\n")
}

func TestWorkDir(t *testing.T) {
	p := newPod(t, 3)
	c := p.step(0, []string{"-workdir", p.path("made", "deep")}, "pwd")
	c.exit(0)
	c.wrote(p.path("made", "deep") + "\n")
	must(t, os.WriteFile(p.path("file"), nil, 0o600))
	c = p.start("entrypoint", "-step", "step-1", "-run", p.runDir(1), "-workdir", p.path("file", "deep"), "--", "pwd")
	c.exit(126)
	c.complained("working directory", p.path("file", "deep"))
	p.recorded(1, 126, frame.ReasonStartError)
	must(t, os.WriteFile(p.path("tool"), []byte("#!/bin/sh\necho found\n"), 0o755))
	c = p.start("entrypoint", "-step", "step-2", "-run", p.runDir(2), "-workdir", p.dir, "--", "./tool")
	c.exit(0)
	c.wrote("found\n")
}

func TestStartErrors(t *testing.T) {
	p := newPod(t, 0)
	file := func(name, content string, mode os.FileMode) string {
		must(t, os.WriteFile(p.path(name), []byte(content), mode))
		return p.path(name)
	}
	cases := map[string]struct {
		reason  string
		command []string
		code    int
		says    []string
	}{
		"NotInPath": {
			reason:  "The message names what was looked for, and where.",
			command: []string{"no-such-tool"},
			code:    127,
			says:    []string{"no-such-tool", "PATH"},
		},
		"NoFile": {
			reason:  "The message names the path.",
			command: []string{p.path("absent")},
			code:    127,
			says:    []string{p.path("absent")},
		},
		"NotExecuable": {
			reason:  "A file without permission is not run.",
			command: []string{file("plain", "text", 0o644)},
			code:    126,
			says:    []string{"permission denied"},
		},
		"NotExecuableInPath": {
			reason:  "What was found and cannot be run is told from what was not found.",
			command: []string{"plain"},
			code:    126,
			says:    []string{"not executable"},
		},
		"Directory": {
			reason:  "A directory is not run.",
			command: []string{p.dir},
			code:    126,
			says:    []string{p.dir},
		},
		"Interpreter": {
			reason:  "The message names the interpreter.",
			command: []string{file("script", "#! /bin/no-such-shell -e\n", 0o755)},
			code:    127,
			says:    []string{`"/bin/no-such-shell"`},
		},
		"CarriageReturn": {
			reason:  "An interpreter with a carriage return is shown with it.",
			command: []string{file("dos", "#!/bin/sh\r\n", 0o755)},
			code:    127,
			says:    []string{`"/bin/sh\r"`},
		},
		"Loader": {
			reason:  "A program without its dynamic linker is told from one that is missing.",
			command: []string{file("elf", elf(), 0o755)},
			code:    127,
			says:    []string{"dynamic linker"},
		},
		"NoFormat": {
			reason:  "The message says what the kernel wants.",
			command: []string{file("format", "\x00\x01", 0o755)},
			code:    126,
			says:    []string{"#!"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			q := newPod(t, 2)
			c := q.startWith(func(cmd *exec.Cmd) { cmd.Env = []string{"PATH=/bin:" + p.dir} }, q.stepArgs(0, nil, tc.command...)...)
			c.exit(tc.code)
			c.complained(tc.says...)
			if s := q.recorded(0, tc.code, frame.ReasonStartError); !strings.Contains(s.Message, tc.says[0]) {
				t.Errorf("%s\nmessage: %q", tc.reason, s.Message)
			}
			q.step(1, nil, "true").exit(1)
		})
	}
}

// elf is a program that needs a dynamic linker which is not there.
func elf() string {
	header := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + // 64 bits, little endian
		"\x03\x00\x3e\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 8) + // shared object, x86-64
		"\x40" + strings.Repeat("\x00", 7) + strings.Repeat("\x00", 8) + // program headers follow
		"\x00\x00\x00\x00\x40\x00\x38\x00\x01\x00\x00\x00\x00\x00\x00\x00"
	const linker = "/no/linker\x00"
	return header + "\x03\x00\x00\x00\x04\x00\x00\x00" + "\x78" + strings.Repeat("\x00", 7) + // interpreter at 0x78
		strings.Repeat("\x00", 16) + "\x0b" + strings.Repeat("\x00", 7) + "\x0b" + strings.Repeat("\x00", 7) +
		"\x01" + strings.Repeat("\x00", 7) + linker
}

// An empty entry of PATH means the working directory, and without PATH there is a default.
func TestPath(t *testing.T) {
	p := newPod(t, 2)
	must(t, os.WriteFile(p.path("tool"), []byte("#!/bin/sh\necho here\n"), 0o755), os.Mkdir(p.path("sh"), 0o755))
	for i, env := range []string{"PATH=/nowhere:", "NOPATH="} {
		command := []string{"tool"}
		if i == 1 {
			command = []string{"sh", "-c", "echo here"}
		}
		c := p.startWith(func(cmd *exec.Cmd) { cmd.Env = []string{env} }, p.stepArgs(i, nil, command...)...)
		c.exit(0)
		c.wrote("here\n")
	}
}

// childrenOf returns all processes whose parent is a container's first one, also ended ones that were not reaped.
func (p *pod) childrenOf(c *container) []int {
	p.t.Helper()
	threads, err := filepath.Glob(filepath.Join("/proc", itoa(c.cmd.Process.Pid), "task", "*", "children"))
	must(p.t, err)
	var pids []int
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(b)) {
			pids = append(pids, atoi(p.t, field))
		}
	}
	return pids
}
