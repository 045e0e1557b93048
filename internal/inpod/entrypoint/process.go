package entrypoint

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// processes starts one command, hands on signals to it, and reaps it and whatever else ends: the entrypoint is the
// container's first process, which inherits every orphan.
type processes struct {
	// asking is closed once somebody asked the container to end.
	asking chan struct{}
	// ended gets the status of the command, once.
	ended chan syscall.WaitStatus
	// reaped gets something after processes were reaped.
	reaped chan struct{}

	mu sync.Mutex
	// pid is the command's while it runs, and 0 otherwise.
	pid int
	// end is the first signal that asked the container to end, and 0 before.
	end syscall.Signal
}

// cancelledError says that a command was not started because the container was asked to end.
type cancelledError struct{ signal syscall.Signal }

// Error implements error.
func (e *cancelledError) Error() string { return "asked to end by signal: " + e.signal.String() }

// supervise begins to take signals.
func supervise() *processes {
	p := &processes{asking: make(chan struct{}), ended: make(chan syscall.WaitStatus, 1), reaped: make(chan struct{}, 1)}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	// Of its own, and never too short: one wake reaps all that have ended.
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for {
			select {
			case s := <-signals:
				if s, ok := s.(syscall.Signal); ok {
					p.handOn(s)
				}
			case <-children:
				p.reap()
				select {
				case p.reaped <- struct{}{}:
				default: // who waits is woken already
				}
			}
		}
	}()
	return p
}

// asked returns the signal that asked the container to end, or 0.
func (p *processes) asked() syscall.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

// handOn gives a signal to the command. Before and after the command any signal asks the container to end: an image
// chooses which one that is.
func (p *processes) handOn(s syscall.Signal) {
	switch s {
	case syscall.SIGCHLD, syscall.SIGPIPE:
		return // about this process
	case syscall.SIGURG:
		return // Go's runtime sends it to itself all the time
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ends := s == syscall.SIGTERM || s == syscall.SIGINT || s == syscall.SIGQUIT
	if p.pid != 0 {
		// The whole group: a shell that waits for a command does not hand on signals.
		_ = syscall.Kill(-p.pid, s) // it may just have ended
	}
	if (ends || p.pid == 0) && p.end == 0 {
		p.end = s
		close(p.asking)
	}
}

// reap takes the status of all processes that have ended, and reports whether no child is left.
func (p *processes) reap() (none bool) {
	// The lock also keeps this from taking the status of a process that start is about to know.
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid == 0 {
			return err == syscall.ECHILD
		}
		if pid == p.pid && (status.Exited() || status.Signaled()) {
			p.pid = 0
			p.ended <- status
		}
	}
}

// start starts the program at path, with this process's input and environment and the given output, as the leader of a
// process group of its own. The file at path, if this process wrote it, was closed before: since nothing else is started,
// no other process can hold it open for writing, which the kernel would refuse.
func (p *processes) start(path string, argv []string, out *outputs) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != 0 {
		return &cancelledError{signal: p.end}
	}
	sys := &syscall.SysProcAttr{Setpgid: true}
	if isTerminal(0) {
		// A group in the background would be stopped when it reads from the terminal.
		sys = &syscall.SysProcAttr{Foreground: true, Ctty: 0}
	}
	stdout, stderr := out.descriptors()
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, stdout, stderr}, Sys: sys,
	})
	if err != nil {
		return explain(path, err)
	}
	p.pid = pid
	return nil
}

// wait returns how the command ended. It is asked to end after the timeout, if there is one, and killed when it does not
// within killGrace; so is its whole group.
func (p *processes) wait(timeout time.Duration) (status syscall.WaitStatus, timedOut bool) {
	if timeout <= 0 {
		return <-p.ended, false
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case status = <-p.ended:
		return status, false
	case <-timer.C:
	}
	p.signal(syscall.SIGTERM)
	timer.Reset(killGrace)
	select {
	case status = <-p.ended:
	case <-timer.C:
		p.signal(syscall.SIGKILL)
		status = <-p.ended
	}
	return status, true
}

// killGrace is how long a command that ran too long may take to end when it is asked to.
const killGrace = 2 * time.Second

// signal sends a signal to the command's group.
func (p *processes) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid != 0 {
		_ = syscall.Kill(-p.pid, s) // it may just have ended
	}
}

// isTerminal says whether a descriptor is a terminal.
func isTerminal(fd uintptr) bool {
	var t syscall.Termios
	// This is how the kernel is told where to put its answer; nothing else says for certain what is a terminal.
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCGETS, uintptr(unsafe.Pointer(&t))) //nolint:gosec // see above
	return errno == 0
}

// startError says why a command could not be started, with the exit code that a shell would give.
type startError struct {
	code int
	err  error
}

// Error implements error.
func (e *startError) Error() string { return e.err.Error() }

// Unwrap gives errors.Is the cause.
func (e *startError) Unwrap() error { return e.err }

func cannotStart(code int, format string, args ...any) error {
	return &startError{code: code, err: fmt.Errorf(format, args...)}
}
