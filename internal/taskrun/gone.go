package taskrun

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// maxGone limits how many deletions are remembered, each with less than 1 kB. Above it the oldest one is forgotten. A run that waits for
	// it then ends.
	maxGone = 16384
	// deletionPatience is how long a run whose pod is gone waits for the watch of pods to report the deletion. The cache lacks a
	// deleted pod some milliseconds before that. A deletion while no controller was running is never reported.
	deletionPatience = 5 * time.Second
)

// Gone is what is known of a pod that does not exist any more.
type Gone struct {
	// Reported reports whether the API server has reported the deletion of the pod.
	Reported bool
	// Unrun reports whether the last state of the pod proves that no step of it has run.
	Unrun bool
	// Since is when this process first missed the pod.
	Since time.Time
}

// due returns when the deletion must have been reported.
func (g Gone) due() time.Time { return g.Since.Add(deletionPatience) }

// gonePods remembers the pods that are gone, by their names. Only what the API server reports with a deletion is the last state of a
// pod: the cache, or a status, may be older than the start of a step.
type gonePods struct {
	clock     clock.PassiveClock
	deletions *lru.Cache

	mu sync.Mutex
	// missed has when the pod of a run was first missed, for each run that waits for the report of a deletion.
	missed map[types.NamespacedName]time.Time
}

// deletion is a reported deletion of a pod.
type deletion struct {
	// owner is the UID of the run that the pod was of.
	owner types.UID
	// unrun reports whether the last state of the pod proves that no step of it has run.
	unrun bool
}

func newGonePods(c clock.PassiveClock) *gonePods {
	return &gonePods{clock: c, deletions: lru.New(maxGone), missed: map[types.NamespacedName]time.Time{}}
}

// note remembers a deletion. The last state of the pod is unknown if the watch was interrupted when it was deleted.
func (g *gonePods) note(p *corev1.Pod, last bool) {
	owner := metav1.GetControllerOf(p)
	if owner == nil {
		return
	}
	g.deletions.Add(client.ObjectKeyFromObject(p), deletion{owner: owner.UID, unrun: last && neverRan(p)})
}

// reported reports whether the deletion of a pod with this name has been reported.
func (g *gonePods) reported(name types.NamespacedName) bool {
	_, ok := g.deletions.Get(name)
	return ok
}

// deleted returns what has been reported of the deletion of a pod of this run.
func (g *gonePods) deleted(name types.NamespacedName, owner types.UID) Gone {
	found, _ := g.deletions.Get(name)
	d, ok := found.(deletion)
	if !ok || d.owner != owner {
		return Gone{}
	}
	return Gone{Reported: true, Unrun: d.unrun}
}

// look returns what is known of the pod of a run that is gone, and remembers that it was missed.
func (g *gonePods) look(run, name types.NamespacedName, owner types.UID) Gone {
	gone := g.deleted(name, owner)
	g.mu.Lock()
	defer g.mu.Unlock()
	since, ok := g.missed[run]
	if !ok {
		since = g.clock.Now()
		g.missed[run] = since
	}
	gone.Since = since
	return gone
}

// settle forgets that the pod of a run was missed.
func (g *gonePods) settle(run types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.missed, run)
}

// forget forgets the pods that had this name.
func (g *gonePods) forget(name types.NamespacedName) { g.deletions.Remove(name) }

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
