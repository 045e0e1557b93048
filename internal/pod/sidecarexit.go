package pod

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// SidecarExit is how a sidecar of the task failed.
type SidecarExit struct {
	// Container of the sidecar.
	Container string
	// OutOfMemory says that it used more memory than its limit.
	OutOfMemory bool
	// Message says how it ended.
	Message string
}

// ReasonOOMKilled is the kubelet's reason for the end of a container that used more memory than its limit.
const ReasonOOMKilled = "OOMKilled"

// The exit codes of a command that was asked to end, and then had to: 128 plus SIGINT, SIGKILL and SIGTERM.
const (
	exitInterrupted = 130
	exitKilled      = 137
	exitTerminated  = 143
)

// SidecarFailures returns which of the task's sidecars have failed, as far as the pod's status says: those that used too
// much memory, and those whose command ended with a failure while nobody had asked it to end. A sidecar whose command
// failed keeps its container, so that its logs stay and nothing restarts it: its status tells of it when the pod ends.
func SidecarFailures(p *corev1.Pod) []SidecarExit {
	var failed []SidecarExit
	for _, s := range p.Status.InitContainerStatuses {
		if _, ok := podpaths.SidecarOf(s.Name); !ok {
			continue
		}
		// The container's earlier life comes first: the one after it only stays.
		for _, state := range []corev1.ContainerState{s.LastTerminationState, s.State} {
			if end, ok := sidecarExit(s.Name, state.Terminated); ok {
				failed = append(failed, end)
				break
			}
		}
	}
	return failed
}

func sidecarExit(container string, t *corev1.ContainerStateTerminated) (SidecarExit, bool) {
	if t == nil {
		return SidecarExit{}, false
	}
	if t.Reason == ReasonOOMKilled {
		return SidecarExit{container, true, fmt.Sprintf("%q used more memory than its limit", container)}, true
	}
	message, err := termination.ParseMessage([]byte(t.Message))
	if err != nil || message.Step.Reason == "" {
		// The task has a termination message of its own, or the sidecar runs without the entrypoint.
		switch t.ExitCode {
		case 0, exitInterrupted, exitKilled, exitTerminated:
			return SidecarExit{}, false
		}
		return SidecarExit{container, false, fmt.Sprintf("%q exited with code %d (%s)", container, t.ExitCode, t.Reason)}, true
	}
	switch step := message.Step; step.Reason {
	case frame.ReasonError, frame.ReasonKilled, frame.ReasonStartError, frame.ReasonLost:
		text := fmt.Sprintf("%q exited with code %d (%s)", container, step.ExitCode, step.Reason)
		if step.Message != "" {
			text += ": " + step.Message
		}
		return SidecarExit{container, false, text}, true
	default:
		return SidecarExit{}, false
	}
}
