package taskrun

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// lostSandbox returns the time at which the node lost the sandbox of a pod, for example because it was restarted, if the kubelet will
// not create another one; ok is false for any other pod, and for one that is to end. The restart policy of its pod is Never. For such
// a pod the kubelet creates no second sandbox once its runtime has a container (computePodActions in its package kuberuntime). The
// containers that have not started then wait forever, and no event says so.
func lostSandbox(p *corev1.Pod) (at time.Time, ok bool) {
	created := slices.ContainsFunc(slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses),
		func(s corev1.ContainerStatus) bool { return s.ContainerID != "" })
	if !created || p.Status.Phase != corev1.PodPending || p.DeletionTimestamp != nil || stopped(p) {
		return time.Time{}, false
	}
	i := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReadyToStartContainers })
	if i < 0 || p.Status.Conditions[i].Status != corev1.ConditionFalse {
		return time.Time{}, false
	}
	return p.Status.Conditions[i].LastTransitionTime.Time, true
}

// sandboxLost reports whether a pod has been without the sandbox that it had for nodePatience.
func (o Observation) sandboxLost() bool {
	at, ok := lostSandbox(o.Pod)
	return ok && !o.Now.Before(at.Add(nodePatience))
}

// sandboxLostOutcome returns the outcome of a run whose pod has lost its sandbox.
func sandboxLostOutcome(p *corev1.Pod) *Outcome {
	return failed(v1.TaskRunReasonFailed, fmt.Sprintf("node %q has lost the sandbox of pod %q before all of its containers had started, "+
		"for example because the node was restarted, and creates no other; start the run again, or set spec.retries",
		p.Spec.NodeName, p.Name))
}
