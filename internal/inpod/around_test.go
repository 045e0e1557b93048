package inpod_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// withEnv adds variables to a container's environment.
func withEnv(variables ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(os.Environ(), variables...) }
}

// A command that takes too long is ended with all of its group, and that is a failure even where failures are ignored.
func TestTimeout(t *testing.T) {
	cases := map[string]struct{ reason, script string }{
		"Sleeps": {
			reason: "A command that minds being asked ends.",
			script: "touch begun; exec sleep 600",
		},
		"Graceful": {
			reason: "That it ends well then does not count.",
			script: "trap 'touch cleaned; exit 0' TERM; touch begun; while true; do sleep 0.01; done",
		},
		"Group": {
			reason: "A child ends with it.",
			script: "sleep 600 & echo $! > child; touch begun; wait",
		},
		"Ignores": {
			reason: "One that does not mind is killed.",
			script: "trap '' TERM; touch begun; while true; do sleep 0.01; done",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			c := p.step(0, append(p.script(tc.script), "-timeout", "300ms", "-on-error", "continue"))
			c.exit(frame.TimedOutExitCode)
			c.complained("timeout of 300ms")
			if s := p.recorded(0, frame.TimedOutExitCode, frame.ReasonTimedOut); !strings.Contains(s.Message, "timeout of 300ms") {
				t.Errorf("%s\nmessage: %q", tc.reason, s.Message)
			}
			if strings.Contains(tc.script, "cleaned") && !p.exists("cleaned") {
				t.Errorf("%s\nit could not clean up", tc.reason)
			}
			p.step(1, nil, "true").exit(1)
		})
	}
}

func TestTimeoutThatIsNotReached(t *testing.T) {
	p := newPod(t, 2)
	p.step(0, []string{"-timeout", "10m"}, "true").exit(0)
	p.recorded(0, 0, frame.ReasonCompleted)
	p.step(1, []string{"-timeout", "10m"}, "sh", "-c", "exit 3").exit(3)
	p.recorded(1, 3, frame.ReasonError)
}

// The output goes to a file as well as to the log, whole, and also what the command left behind writes does not hold it up.
func TestOutputToFiles(t *testing.T) {
	p := newPod(t, 2)
	const lines = 5000
	script := "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; echo error >&2; sleep 600 &"
	c := p.step(0, append(p.script(script), "-stdout-path", p.path("made", "out"), "-stderr-path", p.path("err")))
	c.exit(0)
	if got := strings.Count(p.read("made", "out"), "\n"); got != lines || p.read("made", "out") != c.stdout.String() {
		t.Errorf("%d lines in the file, %d in the log, want %d", got, strings.Count(c.stdout.String(), "\n"), lines)
	}
	if got := p.read("err"); got != "error\n" || !strings.Contains(c.stderr.String(), "error\n") {
		t.Errorf("the file of errors has %q, the log %q", got, &c.stderr)
	}
	// Another step appends, and both streams may go to the same file.
	both := p.path("made", "out")
	p.step(1, append(p.script("echo more; echo bad >&2"), "-stdout-path", both, "-stderr-path", both)).exit(0)
	if got := p.read("made", "out"); !strings.HasSuffix(got, "more\nbad\n") && !strings.HasSuffix(got, "bad\nmore\n") ||
		strings.Count(got, "\n") != lines+2 {
		t.Errorf("the file ends with %q", got[len(got)-20:])
	}
}

// A result can be made of the output.
func TestOutputAsResult(t *testing.T) {
	p := newPod(t, 1)
	p.step(0, []string{"-stdout-path", p.path("results", "r"), p.result("r")}, "printf", "value").exit(0)
	if got := p.read("results", "r"); got != "value" {
		t.Errorf("result %q", got)
	}
}

// The log can be named as a file: what goes there is in it once more.
func TestOutputToTheLog(t *testing.T) {
	cases := map[string]struct {
		reason         string
		flags          []string
		stdout, stderr string
		// swapped is stderr in the other order.
		swapped string
	}{
		"Stdout": {
			reason: "The output goes to the log twice.",
			flags:  []string{"-stdout-path", "/dev/stdout"},
			stdout: twice("out\n"),
			stderr: "err\n",
		},
		"Stderr": {
			reason: "So do the errors.",
			flags:  []string{"-stderr-path", "/dev/stderr"},
			stdout: "out\n",
			stderr: twice("err\n"),
		},
		"Crossed": {
			reason:  "The output goes to the errors as well.",
			flags:   []string{"-stdout-path", "/dev/stderr"},
			stdout:  "out\n",
			stderr:  "out\nerr\n",
			swapped: "err\nout\n",
		},
		"Number": {
			reason: "A descriptor has a number, too.",
			flags:  []string{"-stdout-path", "/dev/fd/1"},
			stdout: twice("out\n"),
			stderr: "err\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			c := p.step(0, append(p.script("echo out; echo err >&2"), tc.flags...))
			c.exit(0)
			// Nothing says in which order two streams come to one log.
			if c.stdout.String() != tc.stdout || c.stderr.String() != tc.stderr && c.stderr.String() != tc.swapped {
				t.Errorf("%s\ngot output %q and errors %q, want %q and %q", tc.reason, &c.stdout, &c.stderr, tc.stdout, tc.stderr)
			}
		})
	}
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	p := newPod(t, 2)
	must(t, os.WriteFile(p.path("file"), nil, 0o600))
	c := p.step(0, []string{"-stdout-path", p.path("file", "out")}, "true")
	c.exit(126)
	c.complained(p.path("file", "out"))
	c = p.start("entrypoint", "-step", "step-1", "-run", p.runDir(1), "-stdout-path", "/dev/full", "--", "echo", "x")
	c.exit(1)
	c.wrote("x\n")
	if s := p.recorded(1, 1, frame.ReasonError); !strings.Contains(s.Message, "no space") {
		t.Errorf("a file that lacks something is no success; message %q", s.Message)
	}
}

// An earlier step leaves something at the path of a later step's output, or above it: the later step fails at once and
// says what lies there. Nothing outside is written, and nothing waits.
func TestOutputPathOfAnotherStep(t *testing.T) {
	cases := map[string]struct {
		reason string
		leave  string
		path   string
	}{
		"Link": {
			reason: "A link may lead to a file that only the later step can write.",
			leave:  "ln -s ../private/keys results/log",
			path:   "log",
		},
		"LinkAbove": {
			reason: "So may one above the file.",
			leave:  "ln -s ../private results/dir",
			path:   "dir/keys",
		},
		"LinkMakes": {
			reason: "A link may lead to where a file would be made.",
			leave:  "ln -s ../private/made results/log",
			path:   "log",
		},
		"HardLink": {
			reason: "A second name of a file is that file.",
			leave:  "ln private/keys results/log",
			path:   "log",
		},
		"FIFO": {
			reason: "Nobody may ever read from a FIFO.",
			leave:  "mkfifo results/log",
			path:   "log",
		},
		"Directory": {
			reason: "A directory is no file.",
			leave:  "mkdir results/log",
			path:   "log",
		},
		"Device": {
			reason: "A device is no file.",
			leave:  "ln -s /dev/null results/log",
			path:   "log",
		},
	}
	for name, tc := range cases {
		for _, stream := range []string{"-stdout-path", "-stderr-path"} {
			t.Run(name+stream, func(t *testing.T) {
				p := newPod(t, 2)
				must(t, os.Mkdir(p.path("private"), 0o700), os.WriteFile(p.path("private", "keys"), []byte("mine\n"), 0o600))
				p.step(0, p.script(tc.leave)).exit(0)
				c := p.step(1, []string{stream, p.path("results", tc.path), "-timeout", "1m"}, "sh", "-c", "echo theirs; echo theirs >&2")
				c.exit(126)
				c.complained(tc.path, "not a regular file")
				if got := p.read("private", "keys"); got != "mine\n" || p.exists("private", "made") {
					t.Errorf("%s\na file outside of the results has now %q", tc.reason, got)
				}
			})
		}
	}
}

// A working directory that is missing is not made beyond a link of another step; one that is there is entered.
func TestWorkingDirectoryBeyondALink(t *testing.T) {
	p := newPod(t, 3)
	must(t, os.Mkdir(p.path("private"), 0o700))
	p.step(0, p.script("ln -s ../private results/dir")).exit(0)
	p.step(1, []string{"-workdir", p.path("results", "dir")}, "true").exit(0)
	c := p.step(2, []string{"-workdir", p.path("results", "dir", "made")}, "true")
	c.exit(126)
	c.complained("working directory", "symbolic link")
	if p.exists("private", "made") {
		t.Error("a directory was made outside")
	}
}

// answer runs a command of the breakpoint's, as a user does in the container.
func (p *pod) answer(i int, command string) {
	p.t.Helper()
	path := filepath.Join(p.runDir(i), "scripts", command)
	eventually(p.t, "the command is there", func() bool { _, err := os.Lstat(path); return err == nil })
	if out, err := exec.Command(path).CombinedOutput(); err != nil {
		p.t.Errorf("%s: %v: %s", command, err, out)
	}
}

func TestBreakpointOnFailure(t *testing.T) {
	for command, want := range map[string]struct {
		code, next int
		reason     frame.Reason
	}{"debug-continue": {reason: frame.ReasonContinued}, "debug-fail-continue": {code: 3, next: 1, reason: frame.ReasonError}} {
		t.Run(command, func(t *testing.T) {
			p := newPod(t, 2)
			c := p.step(0, append(p.script("touch failed; exit 3"), "-break-on-failure", "-debug-dir", p.runDir(0)))
			next := p.step(1, nil, "touch", "ran")
			eventually(t, "the step fails", func() bool { return p.exists("failed") })
			p.answer(0, command)
			c.exit(want.code)
			c.complained("exit code 3", "debug-continue", "debug-fail-continue")
			p.recorded(0, 3, want.reason)
			next.exit(want.next)
			if !p.exists("run", "0", "info", "0") {
				t.Error("nothing tells the position of the step")
			}
		})
	}
}

// A step that ends well, or that is cancelled, is not held.
func TestNoBreakpoint(t *testing.T) {
	p := newPod(t, 2)
	p.step(0, []string{"-break-on-failure", "-debug-dir", p.runDir(0)}, "true").exit(0)
	c := p.step(1, append(p.script("touch begun; exec sleep 600"), "-break-on-failure", "-debug-dir", p.runDir(1)))
	eventually(t, "the step begins", func() bool { return p.exists("begun") })
	c.signal(syscall.SIGTERM)
	c.exit(143)
	p.recorded(1, 143, frame.ReasonCancelled)
}

func TestBreakpointBefore(t *testing.T) {
	for command, want := range map[string]struct {
		code   int
		reason frame.Reason
	}{"debug-beforestep-continue": {reason: frame.ReasonCompleted}, "debug-beforestep-fail-continue": {code: 1, reason: frame.ReasonError}} {
		t.Run(command, func(t *testing.T) {
			p := newPod(t, 1)
			c := p.step(0, []string{"-break-before", "-debug-dir", p.runDir(0)}, "touch", "ran")
			p.answer(0, command)
			c.exit(want.code)
			p.recorded(0, want.code, want.reason)
			if p.exists("ran") != (want.code == 0) {
				t.Errorf("the command ran: %t", p.exists("ran"))
			}
		})
	}
}

// A step that is held ends when it is asked to.
func TestBreakpointIsCancelled(t *testing.T) {
	p := newPod(t, 2)
	before := p.step(0, []string{"-break-before", "-debug-dir", p.runDir(0)}, "touch", "ran")
	eventually(t, "the step is held", func() bool { return p.exists("run", "0", "scripts", "debug-beforestep-fail-continue") })
	before.signal(syscall.SIGTERM)
	before.exit(143)
	p.recorded(0, 143, frame.ReasonCancelled)
	after := p.start("entrypoint", "-step", "step-1", "-run", p.runDir(1), "-break-on-failure", "-debug-dir",
		p.runDir(1), "--", "sh", "-c", "touch failed; exit 5")
	eventually(t, "the step fails", func() bool { return p.exists("failed") })
	eventually(t, "the step is held", func() bool { return len(p.childrenOf(after)) == 0 })
	after.signal(syscall.SIGTERM)
	after.exit(5)
	p.recorded(1, 5, frame.ReasonError)
}

// home makes a home directory of the pod that of a container. Every test of credentials needs it.
func (p *pod) home(user func(*exec.Cmd)) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		withEnv("HOME=" + p.path("home"))(cmd)
		user(cmd)
	}
}

func asItIs(*exec.Cmd) {}

// shared creates directories to which all users can write.
func (p *pod) shared(dirs ...string) {
	p.t.Helper()
	for _, dir := range dirs {
		must(p.t, os.MkdirAll(p.path(dir), 0o777), os.Chmod(p.path(dir), 0o777))
	}
}

// The service account's credentials lie in the step's home directory, in that of the user database as well, and nothing of
// them in its log.
func TestCredentials(t *testing.T) {
	p := newPod(t, 2)
	p.shared("secrets/s", "creds", "home", "other")
	passwd := fmt.Sprintf("someone:x:%d:0::%s:/bin/sh\n", os.Getuid(), p.path("other"))
	must(t, os.WriteFile(p.path("passwd"), []byte(passwd), 0o644),
		os.WriteFile(p.path("secrets", "s", "username"), []byte("user"), 0o644),
		os.WriteFile(p.path("secrets", "s", "password"), []byte("pass"), 0o644))
	flags := []string{
		"-credentials-dir",
		p.path("creds"),
		"-secrets-dir",
		p.path("secrets"),
		"-passwd",
		p.path("passwd"),
		"-credential",
		"git-basic:s=https://git.example",
	}
	places := []string{p.path("home", ".git-credentials"), p.path("creds", ".git-credentials"), p.path("other", ".git-credentials")}
	c := p.startWith(p.home(asItIs), p.stepArgs(0, flags, append([]string{"cat"}, places...)...)...)
	c.exit(0)
	c.wrote(strings.Repeat("https://user:pass@git.example\n", len(places)))
	if c.stderr.Len() > 0 {
		t.Errorf("the log says %q", &c.stderr)
	}
	must(t, os.Remove(p.path("secrets", "s", "password")))
	c = p.startWith(p.home(asItIs), p.stepArgs(1, flags, "true")...)
	c.exit(126)
	c.complained(`secret "s"`, `"password"`)
}

// Steps of several users share a home directory, and each finds its own files there.
func TestCredentialsOfOtherUsers(t *testing.T) {
	p := reachable(t)
	p.shared("secrets/s", "home", "run/0", "run/1", "run/2", "creds/0", "creds/1", "creds/2")
	must(t, os.WriteFile(p.path("secrets", "s", "ssh-privatekey"), []byte("KEY"), 0o644))
	for i, user := range []func(*exec.Cmd){asItIs, asNobody, asItIs} {
		flags := []string{"-credentials-dir", p.path("creds", itoa(i)), "-secrets-dir", p.path("secrets"), "-credential", "git-ssh:s=git.example"}
		c := p.startWith(p.home(user), p.stepArgs(i, flags, "cat", p.path("home", ".ssh", "id_s"))...)
		c.exit(0)
		c.wrote("KEY\n")
	}
}

// twice is a line that is printed two times.
func twice(line string) string { return line + line }
