package inpod_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/script"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// binary is the path of the in-pod binary, built as it is shipped.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "inpod")
		if err == nil {
			err = os.Chmod(dir, 0o755) // some containers run as an unprivileged user
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir) //nolint:errcheck // nothing to be done about it
		binary = filepath.Join(dir, "inpod")
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "github.com/sluice-ci/sluice/cmd/inpod")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// deadline is how long a test waits for something that must happen.
const deadline = time.Minute

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(deadline)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// must stops the test if it cannot be set up.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal("cannot set up:", err)
	}
}

// pod is the directories of a pod, in which containers are processes.
type pod struct {
	t   *testing.T
	dir string
}

func newPod(t *testing.T, steps int) *pod {
	t.Helper()
	p := &pod{t: t, dir: t.TempDir()}
	must(t, os.Chmod(p.dir, 0o755), os.Mkdir(p.path("results"), 0o777), os.Chmod(p.path("results"), 0o777),
		os.Mkdir(p.path("scripts"), 0o777), os.Chmod(p.path("scripts"), 0o777))
	for i := range steps {
		must(t, os.MkdirAll(p.runDir(i), 0o755), os.Chmod(p.runDir(i), 0o777))
	}
	return p
}

func (p *pod) path(elem ...string) string { return filepath.Join(append([]string{p.dir}, elem...)...) }

func (p *pod) runDir(i int) string { return p.path("run", strconv.Itoa(i)) }

// result is the argument that declares a result.
func (p *pod) result(name string) string {
	return "-result=" + name + ":string=" + p.path("results", name)
}

// output is what a process has written so far, which a test can look at while the process runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps what the process writes.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

// Read takes from what was written.
func (o *output) Read(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Read(b)
}

// String is what was written and not read.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Len is the length of String in bytes.
func (o *output) Len() int { return len(o.String()) }

// container is a process that plays a container. It is the first process of a separate process namespace, so that all its
// processes end with it. That needs root, or a kernel that lets other users have a user namespace.
type container struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// start starts the binary with arguments.
func (p *pod) start(args ...string) *container {
	p.t.Helper()
	return p.startWith(func(*exec.Cmd) {}, args...)
}

// startWith starts the binary after change was made to how it is run.
func (p *pod) startWith(change func(*exec.Cmd), args ...string) *container {
	p.t.Helper()
	c := &container{t: p.t, cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	c.cmd.Dir = p.dir
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if uid := os.Getuid(); uid != 0 {
		c.cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	}
	change(c.cmd)
	must(p.t, c.cmd.Start())
	go func() {
		_ = c.cmd.Wait() // the exit code is in ProcessState
		close(c.ended)
	}()
	p.t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it usually has ended
		<-c.ended
	})
	return c
}

// step starts the entrypoint of a step; command is what follows the flags.
func (p *pod) step(i int, flags []string, command ...string) *container {
	p.t.Helper()
	return p.start(p.stepArgs(i, flags, command...)...)
}

func (p *pod) stepArgs(i int, flags []string, command ...string) []string {
	args := []string{"entrypoint", "-step", fmt.Sprint("step-", i), "-run", p.runDir(i)}
	if i > 0 {
		args = append(args, "-after", p.runDir(i-1))
	}
	return append(append(append(args, flags...), "--"), command...)
}

// script returns the flags that make a step run a script.
func (p *pod) script(text string) []string {
	p.t.Helper()
	flags := []string{"-script-path", p.path("scripts", fmt.Sprintf("script-%x", len(text)))}
	for _, piece := range script.Encode(script.WithShebang(text)) {
		flags = append(flags, "-script", piece)
	}
	return flags
}

// exit waits for the container to end and wants an exit code.
func (c *container) exit(want int) {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(deadline):
		c.t.Fatalf("the container does not end; its output: %s%s", &c.stdout, &c.stderr)
	}
	status, _ := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if got := c.cmd.ProcessState.ExitCode(); got != want {
		c.t.Errorf("exit code %d (%v), want %d; output: %s%s", got, status, want, &c.stdout, &c.stderr)
	}
}

// emits waits for the first output of a results sidecar: the intro of its stream, which it writes after it has arranged for
// the signals that ask it to end.
func (c *container) emits() {
	c.t.Helper()
	eventually(c.t, "the sidecar writes its intro", func() bool { return c.stdout.Len() > 0 })
}

// signal sends a signal to the container's first process alone, as a kubelet does.
func (c *container) signal(s syscall.Signal) {
	c.t.Helper()
	must(c.t, c.cmd.Process.Signal(s))
}

// wrote wants the container's output to be text, after it has ended.
func (c *container) wrote(want string) {
	c.t.Helper()
	if got := c.stdout.String(); got != want {
		c.t.Errorf("output %q, want %q; errors: %s", got, want, &c.stderr)
	}
}

// complained wants parts of the container's error output, after it has ended.
func (c *container) complained(parts ...string) {
	c.t.Helper()
	for _, part := range parts {
		if !strings.Contains(c.stderr.String(), part) {
			c.t.Errorf("error output %q lacks %q", &c.stderr, part)
		}
	}
}

// recorded wants the record that a step left.
func (p *pod) recorded(i, code int, reason frame.Reason) frame.Step {
	p.t.Helper()
	state, s := rundir.Look(p.runDir(i))
	if state != rundir.Ended || s.ExitCode != code || s.Reason != reason || s.Name != fmt.Sprint("step-", i) {
		p.t.Errorf("step %d is in state %d with record %+v, want exit code %d and reason %s", i, state, s, code, reason)
	}
	if s.FinishedAt.Before(s.StartedAt) {
		p.t.Errorf("step %d began at %v and ended at %v", i, s.StartedAt, s.FinishedAt)
	}
	return s
}

// exists says whether there is something at a path of the pod.
func (p *pod) exists(elem ...string) bool {
	_, err := os.Lstat(p.path(elem...))
	return err == nil
}

// read returns the content of a file of the pod.
func (p *pod) read(elem ...string) string {
	p.t.Helper()
	b, err := os.ReadFile(p.path(elem...))
	if err != nil {
		p.t.Errorf("cannot read: %v", err)
	}
	return string(b)
}
