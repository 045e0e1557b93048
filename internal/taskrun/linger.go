package taskrun

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
)

const (
	// lingerPatience is how long the pod of an ended run, or attempt, may continue to run. A run ends with the record of its
	// last step. The kubelet of a busy node reports the end of the containers up to half a minute later. A pod that is
	// stopped before that fails, although its run has succeeded.
	lingerPatience = time.Minute
	// injectedPatience is the same for a pod with a running injected container, which does not end with the steps.
	injectedPatience = 10 * time.Second
)

// Ended is the pod of an ended run, or attempt.
type Ended struct {
	// Pod is the pod in the cache; nil after it is deleted.
	Pod *corev1.Pod
	// At is when the run or the attempt ended.
	At time.Time
}

// lingers reports whether containers of the pod are still running, and have not been stopped: a process that a step left, or
// an injected container. The kubelet ends native sidecars.
func (e Ended) lingers() bool {
	p := e.Pod
	if p == nil || podEnded(p) || p.DeletionTimestamp != nil || stopped(p) {
		return false
	}
	return slices.ContainsFunc(slices.Concat(pod.StepStatuses(p), pod.TransportStatuses(p), pod.InjectedStatuses(p)), notTerminated)
}

// patience returns how long the pod may continue to run.
func (e Ended) patience() time.Duration {
	if slices.ContainsFunc(pod.InjectedStatuses(e.Pod), notTerminated) {
		return injectedPatience
	}
	return lingerPatience
}

// outstays reports whether the pod has run for longer than it may.
func (e Ended) outstays(now time.Time) bool {
	return e.lingers() && !now.Before(e.At.Add(e.patience()))
}

// wait returns when the pod must be checked again without an event; 0 if there is nothing to wait for. A pod that was stopped
// just now causes an event when the cache shows it.
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
