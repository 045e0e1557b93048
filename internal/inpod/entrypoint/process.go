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

// processes starts one command, forwards signals to it, and reaps all processes that end. The entrypoint is the container's
// first process and inherits every orphan.
type processes struct {
	// asking is closed when the container gets a signal to stop.
	asking chan struct{}
	// ended gets the status of the command, once.
	ended chan syscall.WaitStatus
	// reaped gets a value after processes were reaped.
	reaped chan struct{}

	mu sync.Mutex
	// pid is the process ID of the command while it runs, and otherwise 0.
	pid int
	// end is the first signal to stop the container, and 0 before.
	end syscall.Signal
}

// cancelledError means that a command was not started because the container got a signal to stop.
type cancelledError struct{ signal syscall.Signal }

// Error implements error.
func (e *cancelledError) Error() string { return "stopped by signal: " + e.signal.String() }

// supervise starts to handle signals.
func supervise() *processes {
	p := &processes{asking: make(chan struct{}), ended: make(chan syscall.WaitStatus, 1), reaped: make(chan struct{}, 1)}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	// A separate channel with one place is enough: one wake reaps all processes that have ended.
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for {
			select {
			case s := <-signals:
				if s, ok := s.(syscall.Signal); ok {
					p.forward(s)
				}
			case <-children:
				p.reap()
				select {
				case p.reaped <- struct{}{}:
				default: // it is already awake
				}
			}
		}
	}()
	return p
}

// asked returns the signal to stop the container, or 0.
func (p *processes) asked() syscall.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

// forward sends a signal to the command. Before and after the command, any signal stops the container, because the image
// chooses the stop signal.
func (p *processes) forward(s syscall.Signal) {
	switch s {
	case syscall.SIGCHLD, syscall.SIGPIPE:
		return // about this process
	case syscall.SIGURG:
		return // Go's runtime sends it to this process all the time
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ends := s == syscall.SIGTERM || s == syscall.SIGINT || s == syscall.SIGQUIT
	if p.pid != 0 {
		// The signal goes to the whole group, because a shell that waits for a command does not forward signals.
		_ = syscall.Kill(-p.pid, s) // an error means that it has just ended
	}
	if (ends || p.pid == 0) && p.end == 0 {
		p.end = s
		close(p.asking)
	}
}

// reap takes the status of all ended processes, and reports whether there is no child left.
func (p *processes) reap() (none bool) {
	// The lock also prevents that this takes the status of a process whose ID start does not know yet.
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

// start starts the program at path with this process's input and environment and the given output, in a new process group. If
// this process wrote the file at path, it has closed it before. No other process is started, so none can hold that file open
// for writing, which the kernel would refuse.
func (p *processes) start(path string, argv []string, out *outputs) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != 0 {
		return &cancelledError{signal: p.end}
	}
	sys := &syscall.SysProcAttr{Setpgid: true}
	if isTerminal(0) {
		// A background group would be stopped when it reads from the terminal.
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

// wait returns how the command ended. After the timeout, if there is one, the command's group gets a signal to stop, and is
// killed after killGrace.
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

// killGrace is how long a command may take to stop after its timeout.
const killGrace = 2 * time.Second

// signal sends a signal to the command's group.
func (p *processes) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid != 0 {
		_ = syscall.Kill(-p.pid, s) // an error means that it has just ended
	}
}

// isTerminal reports whether a descriptor is a terminal.
func isTerminal(fd uintptr) bool {
	var t syscall.Termios
	// The kernel needs a pointer for its response. Only this call reliably detects a terminal.
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCGETS, uintptr(unsafe.Pointer(&t))) //nolint:gosec // see above
	return errno == 0
}

// startError is why a command could not be started, with the exit code of a shell.
type startError struct {
	code int
	err  error
}

// Error implements error.
func (e *startError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *startError) Unwrap() error { return e.err }

func cannotStart(code int, format string, args ...any) error {
	return &startError{code: code, err: fmt.Errorf(format, args...)}
}
