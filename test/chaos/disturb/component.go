package disturb

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

// restart kills a component of the control plane, and starts it again immediately.
func (s *scene) restart(ctx context.Context, component string) error {
	s.note = "restarted " + component
	s.later(func(ctx context.Context) error {
		return bringBack(ctx, func(ctx context.Context) error { return s.machine.Inflict(ctx, machine.Start, component) })
	})
	return s.machine.Inflict(ctx, machine.Stop, component)
}

// restartOnNode kills a component of a node, and starts it again immediately.
func (s *scene) restartOnNode(ctx context.Context, component string) error {
	return s.breakOnNode(ctx, machine.Stop, machine.Start, component)
}

// stopKubelet kills the kubelet of a node, or pauses it.
func (s *scene) stopKubelet(ctx context.Context) error {
	fault, remedy := machine.Stop, machine.Start
	if s.odd() {
		fault, remedy = machine.Pause, machine.Resume
	}
	return s.breakOnNode(ctx, fault, remedy, machine.Kubelet)
}

// breakOnNode inflicts a fault on a component of a node, which the plan chooses, and registers the remedy.
func (s *scene) breakOnNode(ctx context.Context, fault, remedy, component string) error {
	node := s.anyNode(s.nodes)
	s.note = fmt.Sprintf("%s %s of node %s for %s", fault, component, node, s.For)
	s.later(func(ctx context.Context) error {
		return bringBack(ctx, func(ctx context.Context) error { return s.machine.InflictOn(ctx, remedy, component, node) })
	})
	return s.machine.InflictOn(ctx, fault, component, node)
}

// bringBack applies a remedy, and retries if that fails. On a machine that runs other clusters, too, a resource such as inotify
// instances may be missing for a short time.
func bringBack(ctx context.Context, remedy func(context.Context) error) error {
	last := errors.New("it was not attempted")
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		last = remedy(ctx)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(last, err)
	}
	return nil
}
