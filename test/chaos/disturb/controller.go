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

// killController kills the leading controller. The kubelet restarts it, and it leads again when the old lease has expired.
func (s *scene) killController(ctx context.Context) error {
	_, process, identity, err := s.leading(ctx)
	if err != nil {
		return err
	}
	s.note = "killed " + identity
	s.later(func(ctx context.Context) error { return s.cluster.AwaitOtherLeader(ctx, identity) })
	return process.Signal(unix.SIGKILL)
}

// restartController replaces the controller with new pods as an upgrade does, or deletes the leading pod without a grace
// period.
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

// changeLeader starts a second controller, which takes over from the first. The first is killed, or it is frozen and finds
// out on its return that it has lost the lease.
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

// thaw resumes a frozen process, unless it has ended.
func thaw(p machine.Process) error {
	if p.Gone() {
		return nil
	}
	return p.Signal(unix.SIGCONT)
}

// leading returns the pod of the leading controller, its first process, and its identity in the lease. If the controller has
// just lost the lease or is starting, leading waits for the next leader.
func (s *scene) leading(ctx context.Context) (pod *corev1.Pod, process machine.Process, identity string, err error) {
	last := errors.New("no attempt was made")
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
		err = fmt.Errorf("cannot find the process of the leading %s: %w", kube.ControllerName, errors.Join(last, err))
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
