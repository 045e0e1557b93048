package disturb

import (
	"context"
	"errors"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

// restart kills a component of the cluster, and starts it again immediately.
func (s *scene) restart(ctx context.Context, component string) error {
	s.note = "restarted " + component
	s.later(func(ctx context.Context) error { return s.bringBack(ctx, machine.Start, component) })
	return s.machine.Inflict(ctx, machine.Stop, component)
}

// stopKubelet kills the kubelet, or pauses it.
func (s *scene) stopKubelet(ctx context.Context) error {
	fault, remedy := machine.Stop, machine.Start
	if s.odd() {
		fault, remedy = machine.Pause, machine.Resume
	}
	s.note = fault + " kubelet for " + s.For.String()
	s.later(func(ctx context.Context) error { return s.bringBack(ctx, remedy, machine.Kubelet) })
	return s.machine.Inflict(ctx, fault, machine.Kubelet)
}

// bringBack starts or resumes a component, and retries if the component does not come up. On a machine that runs other
// clusters, too, a resource such as inotify instances may be missing for a short time.
func (d *Disturber) bringBack(ctx context.Context, remedy, component string) error {
	last := errors.New("it was not attempted")
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		last = d.machine.Inflict(ctx, remedy, component)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(last, err)
	}
	return nil
}
