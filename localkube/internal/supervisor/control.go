package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// Fault is an order to the supervisor about a component.
type Fault string

// The faults, and the orders that revert them. Each does nothing if the component is already in the requested state.
const (
	// Stop kills the component, as a crash does. The cluster stays up without it.
	Stop Fault = "stop"
	// Start starts a component that has ended for any reason, and waits until it is healthy.
	Start Fault = "start"
	// Restart is Stop and then Start.
	Restart Fault = "restart"
	// Pause stops the component with SIGSTOP, so that it neither runs nor ends. Connections to it stay open, without answers.
	Pause Fault = "pause"
	// Resume lets a paused component continue.
	Resume Fault = "resume"
)

// The faults of a whole node, in addition to Stop, Start and Restart.
const (
	// Partition lets every packet between the node and the others be lost. Heal reverts it.
	Partition Fault = "partition"
	Heal      Fault = "heal"
	// Delete is Stop, and then the deletion of the Node object. Start adds the node again.
	Delete Fault = "delete"
)

// stoppedOnRequest is the recorded end of a component that was stopped by an order.
const stoppedOnRequest = "was stopped on request"

// endTimeout bounds the time in which the kernel ends a process.
const endTimeout = 20 * time.Second

// order is a request to the supervisor, one line of JSON. answer is its response when the order was carried out.
type order struct {
	Fault     Fault  `json:"fault"`
	Component string `json:"component"`
}

type answer struct {
	// Error is empty if the order succeeded.
	Error string `json:"error,omitempty"`
}

// Inflict asks the supervisor of the cluster, or of the node, in dir to carry out a fault on a component, and returns when it is
// done. If ctx ends before, the supervisor still completes the order. For the supervisor of the cluster, nodes are components.
func Inflict(ctx context.Context, dir state.Dir, fault Fault, component string) error {
	socket, release, err := controlSocket(dir)
	if err != nil {
		return err
	}
	defer release()
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("cannot reach the supervisor of %q (is the cluster up?): %w", dir, err)
	}
	defer connection.Close()
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	if err := json.NewEncoder(connection).Encode(order{Fault: fault, Component: component}); err != nil {
		return fmt.Errorf("cannot ask the supervisor to %s %q: %w", fault, component, err)
	}
	var a answer
	if err := json.NewDecoder(connection).Decode(&a); err != nil {
		return errors.Join(fmt.Errorf("cannot read the supervisor's answer to %s %q: %w", fault, component, err), ctx.Err())
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}

// controlSocket returns the address of the socket on which the supervisor accepts orders. The address refers to the directory
// by a descriptor, because it has at most 107 bytes and the name of a directory may be longer.
func controlSocket(dir state.Dir) (address string, release func(), err error) {
	folder, err := os.Open(string(dir))
	if err != nil {
		return "", nil, fmt.Errorf("cannot open the cluster's directory: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), filepath.Base(dir.Control())), func() { _ = folder.Close() }, nil
}

// serveOrders accepts orders on the control socket until the supervisor ends.
func (s *Supervisor) serveOrders(ctx context.Context) error {
	// The socket of a supervisor that was killed may still exist.
	if err := os.Remove(s.cluster.Home().Control()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove an old control socket: %w", err)
	}
	socket, release, err := controlSocket(s.cluster.Home())
	if err != nil {
		return err
	}
	defer release()
	// Only a user who may end the cluster's processes may send orders.
	before := unix.Umask(0o077)
	listener, err := net.Listen("unix", socket)
	unix.Umask(before)
	if err != nil {
		return fmt.Errorf("cannot accept orders: %w", err)
	}
	go s.background("control socket", func() error {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return err
			}
			go s.serveOrder(ctx, connection)
		}
	})
	return nil
}

func (s *Supervisor) serveOrder(ctx context.Context, connection net.Conn) {
	defer connection.Close()
	var o order
	if err := json.NewDecoder(connection).Decode(&o); err != nil {
		fmt.Println("cannot read an order:", err)
		return
	}
	var a answer
	if err := s.obey(ctx, o); err != nil {
		a.Error = err.Error()
	}
	fmt.Printf("%s %s %s: %s\n", time.Now().Format(time.RFC3339), o.Fault, o.Component, strings.TrimSpace("done "+a.Error))
	if err := json.NewEncoder(connection).Encode(a); err != nil {
		fmt.Println("cannot send an answer:", err)
	}
}

// obey carries out one order at a time.
func (s *Supervisor) obey(ctx context.Context, o order) error {
	s.orders.Lock()
	defer s.orders.Unlock()
	r, err := s.find(o.Component)
	if err != nil {
		return fmt.Errorf("cannot %s %q: %w", o.Fault, o.Component, err)
	}
	if r.spec.Node > 0 {
		return s.obeyForNode(ctx, o.Fault, r)
	}
	switch o.Fault {
	case Stop:
		return s.stop(r)
	case Start:
		return s.startAgain(ctx, r)
	case Restart:
		if err := s.stop(r); err != nil {
			return err
		}
		return s.startAgain(ctx, r)
	case Pause:
		return r.pause(ctx, true)
	case Resume:
		return r.pause(ctx, false)
	default:
		return fmt.Errorf("cannot %s %q: unknown fault", o.Fault, o.Component)
	}
}

// find returns the component of that name, as it was last started.
func (s *Supervisor) find(name string) (*running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.running[name]; ok {
		return r, nil
	}
	var names []string
	for known := range s.running {
		names = append(names, known)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("unknown component; the components are %s", strings.Join(names, ", "))
}

// stop kills a component, even if it is paused, and returns when its end is recorded.
func (s *Supervisor) stop(r *running) error {
	s.mu.Lock()
	r.unwanted = true
	s.mu.Unlock()
	if err := r.child.process.End(endTimeout); err != nil {
		return err
	}
	<-r.ended
	return nil
}

// startAgain starts a component that has ended, with the same command as before.
func (s *Supervisor) startAgain(ctx context.Context, r *running) error {
	select {
	case <-r.ended:
	default:
		return nil
	}
	if r.spec.Node > 0 {
		return s.startNode(ctx, r.spec)
	}
	next, err := s.start(r.spec)
	if err != nil {
		return err
	}
	return s.healthy(ctx, next)
}

// pause pauses or resumes a component, and returns when that has taken effect, shortly after the signal.
func (r *running) pause(ctx context.Context, on bool) error {
	signal := unix.SIGCONT
	if on {
		signal = unix.SIGSTOP
	}
	if err := r.child.process.Signal(signal); err != nil {
		return fmt.Errorf("cannot signal %q: %w", r.spec.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	for state.Paused(r.child.process.PID) != on {
		select {
		case <-r.ended:
			return fmt.Errorf("cannot signal %q: it has ended", r.spec.Name)
		case <-ctx.Done():
			return fmt.Errorf("cannot signal %q: no effect: %w", r.spec.Name, ctx.Err())
		case <-time.After(probeInterval):
		}
	}
	return nil
}
