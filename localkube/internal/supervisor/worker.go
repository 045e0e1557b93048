package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/bootstrap"
	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/network"
	"github.com/sluice-ci/sluice/localkube/internal/node"
)

// bringUpWorker starts a node without the control plane in the current namespaces.
func (s *Supervisor) bringUpWorker(ctx context.Context) error {
	if err := s.workerSurroundings(); err != nil {
		return err
	}
	if err := s.startTogether(ctx, s.cluster.ContainerdSpec()); err != nil {
		return err
	}
	if err := s.pullPause(ctx); err != nil {
		return err
	}
	return s.startTogether(ctx, s.cluster.KubeletSpec(), s.cluster.ProxySpec())
}

// workerSurroundings sets up mounts, control groups and network of a node without the control plane.
func (s *Supervisor) workerSurroundings() error {
	if err := s.awaitLink(); err != nil {
		return err
	}
	if err := node.SetUpMounts(s.cluster); err != nil {
		return err
	}
	// The pods of an earlier start ended with it.
	if err := node.RemoveNodeCgroups(s.cluster); err != nil {
		return err
	}
	if err := node.MakeCgroups(s.cluster); err != nil {
		return err
	}
	if err := network.SetUpMember(member(s.cluster.Self()), component.Gateway().Addr()); err != nil {
		return err
	}
	return s.configure()
}

// startWorkers starts the nodes without the control plane, all at the same time. The returned function waits until each is ready,
// and reports it.
func (s *Supervisor) startWorkers(ctx context.Context) (wait func() error) {
	type result struct {
		event Event
		err   error
	}
	workers := s.cluster.Workers()
	results := make(chan result, len(workers))
	for _, n := range workers {
		go func() {
			began := time.Now()
			err := s.startNode(ctx, s.cluster.NodeSpec(n))
			results <- result{event: Event{Step: n.Name + " ready", Took: time.Since(began)}, err: err}
		}()
	}
	return func() error {
		for range workers {
			r := <-results
			if r.err != nil {
				return r.err
			}
			s.progress.report(r.event)
		}
		return nil
	}
}

// startNode starts another node in new namespaces, and returns when pods can run on it.
func (s *Supervisor) startNode(ctx context.Context, spec component.Spec) (err error) {
	home := s.cluster.OfNode(spec.Node).Home()
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot start node %q: %w", spec.Name, err)
		}
	}()
	if err := home.Make(); err != nil {
		return err
	}
	since := time.Now()
	if err := s.launchNode(ctx, spec); errors.Is(err, ErrDied) {
		return fmt.Errorf("%w; its log is %s", err, s.cluster.Dir.Log(spec.Name))
	} else if err != nil {
		return err
	}
	return bootstrap.AwaitNode(ctx, s.cluster.Dir.Kubeconfig(), spec.Name, since)
}

// launchNode starts the supervisor of another node, connects the node's network, and follows the progress until the node's components
// are healthy.
func (s *Supervisor) launchNode(ctx context.Context, spec component.Spec) error {
	progressOut, progressIn, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot create a pipe: %w", err)
	}
	defer progressOut.Close()
	goOut, goIn, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("cannot create a pipe: %w", err), progressIn.Close())
	}
	defer goIn.Close()
	r, err := s.startWith(spec, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{progressIn, goOut} // progressFD and goFD
		cmd.SysProcAttr = namespaces()
	})
	err = errors.Join(err, progressIn.Close(), goOut.Close())
	if err != nil {
		return err
	}
	// The link of an earlier start may still exist.
	if err := network.Detach(spec.Name); err != nil {
		return err
	}
	if err := network.Attach(member(s.cluster.OfNode(spec.Node).Self()), s.cluster.Uplink.MTU, r.child.process.PID); err != nil {
		return err
	}
	_ = goIn.Close()
	stop := context.AfterFunc(ctx, func() { _ = progressOut.Close() })
	defer stop()
	return follow(progressOut, func(Event) {})
}

// obeyForNode carries out an order about a whole node.
func (s *Supervisor) obeyForNode(ctx context.Context, fault Fault, r *running) error {
	switch fault {
	case Stop:
		return s.stopNode(r)
	case Start:
		return s.startAgain(ctx, r)
	case Restart:
		if err := s.stopNode(r); err != nil {
			return err
		}
		return s.startAgain(ctx, r)
	case Partition, Heal:
		return s.partition(r, fault == Partition)
	case Delete:
		if err := s.stopNode(r); err != nil {
			return err
		}
		return bootstrap.DeleteNode(ctx, s.cluster.Dir.Kubeconfig(), r.spec.Name)
	default:
		return fmt.Errorf("cannot %s node %q: name a component of it", fault, r.spec.Name)
	}
}

// stopNode ends a node as a power failure does.
func (s *Supervisor) stopNode(r *running) error {
	if err := s.stop(r); err != nil {
		return err
	}
	return network.Detach(r.spec.Name)
}

// partition separates the node from all others, or reverts that, and records it.
func (s *Supervisor) partition(r *running, on bool) error {
	select {
	case <-r.ended:
		return fmt.Errorf("cannot change the network of node %q: it does not run", r.spec.Name)
	default:
	}
	change := network.Heal
	if on {
		change = network.Partition
	}
	if err := change(r.spec.Name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := r.component("")
	c.Partitioned = on
	return s.save(c)
}

// namespaces lets a process start in new namespaces for processes, mounts and network, so that it is the first process of a node.
func namespaces() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET}
}

func member(n component.Node) network.Member {
	return network.Member{Name: n.Name, Address: n.InNodeCIDR(), PodCIDR: n.PodCIDR}
}

func members(nodes []component.Node) []network.Member {
	all := make([]network.Member, 0, len(nodes))
	for _, n := range nodes {
		all = append(all, member(n))
	}
	return all
}
