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
	// Container is the container of the sidecar.
	Container string
	// OutOfMemory reports that it exceeded its memory limit.
	OutOfMemory bool
	// Message describes how it ended.
	Message string
}

// ReasonOOMKilled is the kubelet's reason for the end of a container that used more memory than its limit.
const ReasonOOMKilled = "OOMKilled"

// The exit codes of a command that ended because of a signal: 128 plus SIGINT, SIGKILL and SIGTERM.
const (
	exitInterrupted = 130
	exitKilled      = 137
	exitTerminated  = 143
)

// SidecarFailures returns the failed sidecars of the task according to the pod's status: those that exceeded their memory
// limit, and those whose command failed before they were stopped. A sidecar with a failed command keeps its container, so
// that its logs are kept and the kubelet does not restart it. Its status shows the failure after the pod has ended.
func SidecarFailures(p *corev1.Pod) []SidecarExit {
	var failed []SidecarExit
	for _, s := range p.Status.InitContainerStatuses {
		if _, ok := podpaths.SidecarOf(s.Name); !ok {
			continue
		}
		// The state before a restart comes first: after it the container only waits.
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
		// The task has its own termination message, or the sidecar runs without the entrypoint.
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
