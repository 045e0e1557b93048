package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// children starts processes and waits for them, and for every orphan of the node: there, the supervisor is the first process
// of its PID namespace. All of this happens on one goroutine, so that a child cannot end before it is recorded. It also
// happens on one thread that lives as long as the supervisor, because the kernel sends a child its death signal when the
// *thread* that started it ends.
type children struct {
	starts chan startRequest
}

type startRequest struct {
	cmd    *exec.Cmd
	result chan<- startResult
}

type startResult struct {
	child *child
	err   error
}

// child is a started process. Its ended channel yields how it ended, once, and is then closed.
type child struct {
	process state.Process
	ended   chan unix.WaitStatus
}

// newChildren waits for all children of this process, so there can be only one.
func newChildren() *children {
	c := &children{starts: make(chan startRequest)}
	go c.serve()
	return c
}

// start starts the command. Its output must be files, because there is no goroutine that copies it.
func (c *children) start(cmd *exec.Cmd) (*child, error) {
	result := make(chan startResult, 1)
	c.starts <- startRequest{cmd: cmd, result: result}
	r := <-result
	return r.child, r.err
}

// run starts the command and waits for its end.
func (c *children) run(cmd *exec.Cmd) error {
	started, err := c.start(cmd)
	if err != nil {
		return err
	}
	if status := <-started.ended; !status.Exited() || status.ExitStatus() != 0 {
		return fmt.Errorf("%s %s", cmd.Path, describe(status))
	}
	return nil
}

func (c *children) serve() {
	runtime.LockOSThread()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	running := map[int]*child{}
	for {
		select {
		case request := <-c.starts:
			started, err := startNow(request.cmd)
			if err == nil {
				running[started.process.PID] = started
			}
			request.result <- startResult{child: started, err: err}
		case <-ended:
			reap(running)
		}
	}
}

func startNow(cmd *exec.Cmd) (*child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// A child that has ended already still exists, because it was not waited for.
	process, err := state.Identify(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	return &child{process: process, ended: make(chan unix.WaitStatus, 1)}, cmd.Process.Release()
}

// reap collects all children that have ended. One signal can stand for several ends.
func reap(running map[int]*child) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid == 0 {
			return
		}
		if known, ok := running[pid]; ok {
			delete(running, pid)
			known.ended <- status
			close(known.ended)
		}
	}
}

// describe returns how a process ended, as text for people.
func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("was ended by signal %d (%s)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("exited with status %d", status.ExitStatus())
}
