package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// Descriptors of the files that the supervisor inherits. Those after the first exist only with a node.
const (
	progressFD   = 3 + iota // the supervisor writes its Events to it
	goFD                    // its end of file signals that the node's network exists
	apiFD                   // listens on the API server's address on the host
	registryFD              // listens on the registry's address on the host
	nameserverFD            // the first of the sockets that are connected to the host's name servers
)

// Name is the supervisor's role in this binary.
const Name = "supervisor"

// Sockets are the sockets in the host's network that the supervisor of a node needs. Without a node there are none.
type Sockets struct {
	// API and Registry listen on the host's loopback address.
	API, Registry *os.File
	// Nameservers are connected to the host's name servers, in the order of the cluster's state.
	Nameservers []*os.File
}

// Close closes all sockets.
func (s *Sockets) Close() {
	for _, file := range append([]*os.File{s.API, s.Registry}, s.Nameservers...) {
		if file != nil {
			_ = file.Close()
		}
	}
}

// Launched is a running supervisor whose cluster is not ready yet.
type Launched struct {
	// Process is the supervisor.
	Process  state.Process
	cmd      *exec.Cmd
	progress *os.File
	goAhead  *os.File
}

// Launch starts the supervisor of the cluster in dir, in a new session, so that it outlives the caller. With a node, the
// supervisor gets new namespaces for processes, mounts and network, and sockets that stay in the caller's network.
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
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	cmd.ExtraFiles = []*os.File{progressIn, goOut}
	if sockets.API != nil {
		cmd.ExtraFiles = append(append(cmd.ExtraFiles, sockets.API, sockets.Registry), sockets.Nameservers...)
		cmd.SysProcAttr = namespaces()
	}
	cmd.SysProcAttr.Setsid = true
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start the supervisor: %w", err)
	}
	process, err := state.Identify(cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	return &Launched{Process: process, cmd: cmd, progress: progressOut, goAhead: goIn}, nil
}

// GoAhead signals the supervisor that the node's network exists.
func (l *Launched) GoAhead() { _ = l.goAhead.Close() }

// Wait calls show for every step until the cluster is ready. It returns early when ctx ends.
func (l *Launched) Wait(ctx context.Context, show func(Event)) error {
	stop := context.AfterFunc(ctx, func() { _ = l.progress.Close() })
	defer stop()
	err := follow(l.progress, show)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Kill kills the supervisor, which ends every process that it owns, and waits until it has ended.
func (l *Launched) Kill() error {
	if err := l.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("cannot kill the supervisor: %w", err)
	}
	// The error only says that the process was killed, which is expected.
	_ = l.cmd.Wait()
	return nil
}
