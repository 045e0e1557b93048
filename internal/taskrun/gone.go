package taskrun

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	ctrlreconcile "sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// maxGone limits how many pods that are gone are remembered. Above it the oldest one is forgotten, and its run then ends.
	maxGone = 4096
	// deletionPatience is how long a run whose pod is gone waits for the watch of pods to report the deletion. The cache lacks a
	// deleted pod some milliseconds before that. A deletion while no controller was running is never reported.
	deletionPatience = 5 * time.Second
	// reasonPodGC is the reason of the condition DisruptionTarget in a pod that the cluster's garbage collector has marked as
	// failed, because its node is gone.
	reasonPodGC = "DeletionByPodGC"
)

// Gone is what is known of a pod that does not exist any more.
type Gone struct {
	// Reported reports whether the API server has reported the deletion of the pod with its last state.
	Reported bool
	// Unrun reports whether that state proves that no step of the pod has run.
	Unrun bool
	// Since is when this process first missed the pod.
	Since time.Time
}

// due returns when the deletion must have been reported.
func (g Gone) due() time.Time { return g.Since.Add(deletionPatience) }

// gonePods remembers the pods that are gone. Only what the API server reports with a deletion is the last state of a pod: the
// cache, or a status, may be older than the start of a step.
type gonePods struct {
	clock clock.PassiveClock
	// unrun has for each reported deletion whether it proves that no step has run, and missed when a pod was first missed.
	unrun, missed *lru.Cache
}

func newGonePods(c clock.PassiveClock) *gonePods {
	return &gonePods{clock: c, unrun: lru.New(maxGone), missed: lru.New(maxGone)}
}

// note remembers a deletion. The last state of the pod is unknown if the watch was interrupted when it was deleted.
func (g *gonePods) note(p *corev1.Pod, last bool) {
	name, unrun := client.ObjectKeyFromObject(p), last && neverRan(p)
	if podEnded(p) && stepSeen(p) { // the run ends with what the steps left
		g.unrun.Remove(name)
		return
	}
	g.unrun.Add(name, unrun)
}

// reported reports whether the deletion of a pod with this name has been reported.
func (g *gonePods) reported(name types.NamespacedName) bool {
	_, ok := g.unrun.Get(name)
	return ok
}

// look returns what is known of a pod that is gone.
func (g *gonePods) look(name types.NamespacedName) Gone {
	found := Gone{Since: g.clock.Now()}
	if since, ok := g.missed.Get(name); ok {
		found.Since, _ = since.(time.Time)
	} else {
		g.missed.Add(name, found.Since)
	}
	unrun, ok := g.unrun.Get(name)
	found.Reported = ok
	found.Unrun, _ = unrun.(bool)
	return found
}

// forget forgets the pods that had this name.
func (g *gonePods) forget(name types.NamespacedName) {
	g.unrun.Remove(name)
	g.missed.Remove(name)
}

// neverRan reports whether the last state of a pod proves that no step of it has run: either no node had the pod, or its node
// has reported the end of the pod, and the start of no step.
func neverRan(p *corev1.Pod) bool {
	switch {
	case stepSeen(p):
		return false
	case p.Spec.NodeName == "":
		return true
	default:
		return endedByNode(p)
	}
}

// stepSeen reports whether the status of a pod shows that a step has started.
func stepSeen(p *corev1.Pod) bool {
	return slices.ContainsFunc(containersOf(p).steps, func(s corev1.ContainerStatus) bool {
		return hasStarted(s) || s.RestartCount > 0 || s.LastTerminationState.Terminated != nil
	})
}

// endedByNode reports whether the kubelet has reported the end of the pod. It does so after the last container has ended.
func endedByNode(p *corev1.Pod) bool {
	return podEnded(p) && !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue && c.Reason == reasonPodGC
	})
}

// podEventHandler requests a reconcile for the owner of a pod that has changed, and remembers pods that are gone before that.
type podEventHandler struct {
	handler.EventHandler
	gone *gonePods
}

// Delete handles the deletion of a pod.
func (h podEventHandler) Delete(
	ctx context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[ctrlreconcile.Request],
) {
	if p, ok := e.Object.(*corev1.Pod); ok {
		h.gone.note(p, !e.DeleteStateUnknown)
	}
	h.EventHandler.Delete(ctx, e, queue)
}
