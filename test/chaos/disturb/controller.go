package disturb

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/kube"
	"github.com/sluice-ci/sluice/test/machine"
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

// leading returns the pod of the controller that leads, its first process, and its identity in the lease.
func (s *scene) leading(ctx context.Context) (*corev1.Pod, machine.Process, string, error) {
	pod, identity, err := s.cluster.Leader(ctx)
	if err != nil {
		return nil, machine.Process{}, "", err
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name != pod.Spec.Containers[0].Name {
			continue
		}
		if process, there := machine.FirstOf(status.ContainerID); there {
			return pod, process, identity, nil
		}
	}
	return nil, machine.Process{}, "", fmt.Errorf("cannot find a process of pod %q, which leads %s, on this machine", pod.Name, kube.ControllerName)
}
