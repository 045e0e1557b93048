package taskrun

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
)

// reasonOOMKilled is the kubelet's word for a container that used more memory than its limit.
const reasonOOMKilled = "OOMKilled"

// sidecarTrouble is a sidecar of the task that ended otherwise than well while steps still ran. Kubernetes starts it
// again, so that this would pass unnoticed.
type sidecarTrouble struct {
	outOfMemory bool
	message     string
}

// troubles lists the sidecars that have been in trouble. What Kubernetes itself ends, after the steps, is in none.
func troubles(p *corev1.Pod) []sidecarTrouble {
	if p == nil {
		return nil
	}
	const before = false // a container that Kubernetes has started again ended before the steps did
	ended := containersOf(p).ended()
	var found []sidecarTrouble
	for _, s := range p.Status.InitContainerStatuses {
		name, ok := pod.SidecarOf(s.Name)
		if !ok {
			continue
		}
		trouble, ok := troubleOf(name, s.LastTerminationState.Terminated, before)
		if !ok {
			trouble, ok = troubleOf(name, s.State.Terminated, ended)
		}
		if ok {
			found = append(found, trouble)
		}
	}
	return found
}

func sidecarMessages(p *corev1.Pod) []string {
	var messages []string
	for _, trouble := range troubles(p) {
		messages = append(messages, trouble.message)
	}
	return messages
}

func troubleOf(sidecar string, t *corev1.ContainerStateTerminated, stepsEnded bool) (sidecarTrouble, bool) {
	switch {
	case t == nil:
		return sidecarTrouble{}, false
	case t.Reason == reasonOOMKilled:
		return sidecarTrouble{true, fmt.Sprintf("sidecar %q used more memory than its limit and was killed", sidecar)}, true
	case t.ExitCode != 0 && !stepsEnded:
		return sidecarTrouble{false, fmt.Sprintf("sidecar %q exited with code %d (%s) while steps ran", sidecar, t.ExitCode, t.Reason)}, true
	}
	return sidecarTrouble{}, false
}
