package disturb

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

// killController kills the one that leads. The kubelet starts it again; it leads once the lease of the one before has run
// out.
func (s *scene) killController(ctx context.Context) error {
	_, process, identity, err := s.leading(ctx)
	if err != nil {
		return err
	}
	s.note = "killed " + identity
	s.later(func(ctx context.Context) error { return s.cluster.AwaitOtherLeader(ctx, identity) })
	return process.Signal(unix.SIGKILL)
}

// restartController gives way to fresh pods as an upgrade does, or deletes the pod that leads without any notice.
func (s *scene) restartController(ctx context.Context) error {
	if !s.odd() {
		s.note = "rolled out anew"
		return s.cluster.ReplaceController(ctx)
	}
	pod, _, identity, err := s.leading(ctx)
	if err != nil {
		return err
	}
	s.note = "deleted " + pod.Name
	s.later(func(ctx context.Context) error { return s.cluster.AwaitOtherLeader(ctx, identity) })
	return s.cluster.DeletePod(ctx, pod.Namespace, pod.Name, 0)
}

// changeLeader lets a second controller take over from one that is killed, or that is frozen and comes back to learn that
// it does not lead any more.
func (s *scene) changeLeader(ctx context.Context) error {
	s.later(func(ctx context.Context) error { return s.cluster.ScaleController(ctx, 1) })
	if err := s.cluster.ScaleController(ctx, 2); err != nil {
		return err
	}
	_, process, identity, err := s.leading(ctx)
	if err != nil {
		return err
	}
	if !s.odd() {
		s.note = "two controllers, killed " + identity
		if err := process.Signal(unix.SIGKILL); err != nil {
			return err
		}
		return s.cluster.AwaitOtherLeader(ctx, identity)
	}
	s.note = "two controllers, froze " + identity
	s.later(func(context.Context) error { return thaw(process) })
	if err := process.Signal(unix.SIGSTOP); err != nil {
		return err
	}
	return s.cluster.AwaitOtherLeader(ctx, identity)
}

// thaw lets a frozen process go on, unless it has ended.
func thaw(p machine.Process) error {
	if p.Gone() {
		return nil
	}
	return p.Signal(unix.SIGCONT)
}

// leading returns the pod of the controller that leads, its first process, and its identity in the lease. One that has just
// lost the lease, or is being started, is waited for.
func (s *scene) leading(ctx context.Context) (pod *corev1.Pod, process machine.Process, identity string, err error) {
	last := errors.New("nobody was asked")
	err = kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		pod, identity, last = s.cluster.Leader(ctx)
		if last != nil {
			return false, nil
		}
		var there bool
		process, there = processOf(pod)
		return there, nil
	})
	if err != nil {
		err = fmt.Errorf("cannot find the process of the %s that leads: %w", kube.ControllerName, errors.Join(last, err))
	}
	return pod, process, identity, err
}

// processOf returns the first process of a pod's first container, unless it has ended.
func processOf(pod *corev1.Pod) (machine.Process, bool) {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == pod.Spec.Containers[0].Name {
			return machine.FirstOf(status.ContainerID)
		}
	}
	return machine.Process{}, false
}
