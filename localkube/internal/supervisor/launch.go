package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// The files that the supervisor inherits, by descriptor. Those after the first are there only if there is a node.
const (
	progressFD   = 3 + iota // the supervisor's Events are written to it
	goFD                    // end of file on it says that the node's network is there
	apiFD                   // listens on the API server's address on the host
	registryFD              // listens on the registry's address on the host
	nameserverFD            // the first of the sockets that are connected to the host's name servers
)

// Name is the role of the supervisor in the one binary.
const Name = "supervisor"

// Sockets are what a node's supervisor needs in the host's network. Without a node there are none.
type Sockets struct {
	// API and Registry listen on the host's loopback address.
	API, Registry *os.File
	// Nameservers are connected to the host's name servers, in the order of the cluster's state.
	Nameservers []*os.File
}

// Close closes all of them.
func (s *Sockets) Close() {
	for _, file := range append([]*os.File{s.API, s.Registry}, s.Nameservers...) {
		if file != nil {
			_ = file.Close()
		}
	}
}

// Launched is a supervisor that runs, but whose cluster is not ready yet.
type Launched struct {
	// Process is the supervisor.
	Process  state.Process
	cmd      *exec.Cmd
	progress *os.File
	goAhead  *os.File
}

// Launch starts the supervisor of the cluster in dir, in a session of its own, so that it outlives the caller.
// With a node, it gets namespaces of its own for processes, mounts and network, and sockets that stay in the caller's network.
func Launch(dir state.Dir, sockets *Sockets) (*Launched, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program: %w", err)
	}
	log, err := os.OpenFile(dir.Log(Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open the supervisor's log: %w", err)
	}
	defer log.Close()
	progressOut, progressIn, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot create a pipe: %w", err)
	}
	defer progressIn.Close()
	goOut, goIn, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot create a pipe: %w", err)
	}
	defer goOut.Close()

	cmd := exec.Command(executable, Name, "--dir", string(dir))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.ExtraFiles = []*os.File{progressIn, goOut}
	if sockets.API != nil {
		cmd.ExtraFiles = append(append(cmd.ExtraFiles, sockets.API, sockets.Registry), sockets.Nameservers...)
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the supervisor: %w", err)
	}
	process, err := state.Identify(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	return &Launched{Process: process, cmd: cmd, progress: progressOut, goAhead: goIn}, nil
}

// GoAhead tells the supervisor that what it waits for is there.
func (l *Launched) GoAhead() { _ = l.goAhead.Close() }

// Wait hands every step to show until the cluster is ready. It returns early when ctx ends.
func (l *Launched) Wait(ctx context.Context, show func(Event)) error {
	stop := context.AfterFunc(ctx, func() { _ = l.progress.Close() })
	defer stop()
	err := follow(l.progress, show)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Kill ends the supervisor and thereby everything that it owns, and waits until it is gone.
func (l *Launched) Kill() error {
	if err := l.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("cannot kill the supervisor: %w", err)
	}
	// The error says that it was killed, which is what was wanted.
	_ = l.cmd.Wait()
	return nil
}
