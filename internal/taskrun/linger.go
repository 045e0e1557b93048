package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
)

const (
	// lingerPatience is how long the pod of a run, or of an attempt, that has ended may still run. A run ends with the record
	// of its last step; the kubelet of a busy node reports the end of the containers up to half a minute later. A pod that is
	// stopped before that fails, although its run has succeeded.
	lingerPatience = time.Minute
	// injectedPatience is the same for a pod in which an injected container runs, which does not end with the steps.
	injectedPatience = 10 * time.Second
)

// Ended is the pod of a run, or of an attempt, that has ended.
type Ended struct {
	// Pod, as the cache has it; nil when it is gone.
	Pod *corev1.Pod
	// At is when the run or the attempt ended.
	At time.Time
}

// lingers reports whether containers of the pod run on, and have not been asked to end: a process that a step left, or a
// container that something has injected. Native sidecars are the kubelet's to end.
func (e Ended) lingers() bool {
	p := e.Pod
	if p == nil || podEnded(p) || p.DeletionTimestamp != nil || stopped(p) {
		return false
	}
	return slices.ContainsFunc(slices.Concat(pod.StepStatuses(p), pod.TransportStatuses(p), pod.InjectedStatuses(p)), notTerminated)
}

// patience is how long the pod may run on.
func (e Ended) patience() time.Duration {
	if slices.ContainsFunc(pod.InjectedStatuses(e.Pod), notTerminated) {
		return injectedPatience
	}
	return lingerPatience
}

// outstays reports whether the pod runs on for longer than it may.
func (e Ended) outstays(now time.Time) bool {
	return e.lingers() && !now.Before(e.At.Add(e.patience()))
}

// wait is when to look at the pod again without being woken; 0 when there is nothing to wait for. One that was stopped just
// now wakes the reconciler when the cache shows it.
func (e Ended) wait(now time.Time) time.Duration {
	switch {
	case !e.lingers():
		return 0
	case e.outstays(now):
		return e.patience()
	default:
		return e.At.Add(e.patience()).Sub(now)
	}
}
