package disturb

import (
	"context"

	"github.com/sluice-ci/sluice/test/machine"
)

// restart kills a component of the cluster and starts it.
func (s *scene) restart(ctx context.Context, component string) error {
	s.note = "restarted " + component
	s.later(func(ctx context.Context) error { return s.machine.Inflict(ctx, machine.Start, component) })
	return s.machine.Inflict(ctx, machine.Restart, component)
}

// stopKubelet kills the kubelet, or lets it be there and silent.
func (s *scene) stopKubelet(ctx context.Context) error {
	fault, remedy := machine.Stop, machine.Start
	if s.odd() {
		fault, remedy = machine.Pause, machine.Resume
	}
	s.note = fault + " kubelet for " + s.For.String()
	s.later(func(ctx context.Context) error { return s.machine.Inflict(ctx, remedy, machine.Kubelet) })
	return s.machine.Inflict(ctx, fault, machine.Kubelet)
}
