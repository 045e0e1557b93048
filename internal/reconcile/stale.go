package reconcile

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"
)

// StalePatience is the maximum time to wait until the cache shows a write of this controller. A watch delivers it within
// milliseconds, and rarely needs a second on a busy API server. A broken watch lists all objects again. After this time a
// reconcile uses the cached version. Its writes contain that version, so the worst outcome is a conflict.
const StalePatience = 5 * time.Second

// WriteTracker tracks the last writes of this controller to the objects of one kind that the cache does not show yet. A
// reconcile of an older version would repeat finished work, and would detect that only by a conflict, after one or two
// requests.
type WriteTracker struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	last map[types.NamespacedName]write
}

// write is the version of an object after a write.
type write struct {
	uid     types.UID
	version string
	at      time.Time
}

// NewWriteTracker returns a WriteTracker without writes.
func NewWriteTracker(c clock.PassiveClock) *WriteTracker {
	return &WriteTracker{clock: c, last: map[types.NamespacedName]write{}}
}

// Record records the version of the object in the API server's response to a write.
func (w *WriteTracker) Record(answer metav1.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[key(answer)] = write{uid: answer.GetUID(), version: answer.GetResourceVersion(), at: w.clock.Now()}
}

// StaleFor returns the maximum time to wait until the cache shows a newer version than this one; 0 if the version is current.
// The event for the newer version starts a reconcile.
func (w *WriteTracker) StaleFor(cached metav1.Object) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, known := w.last[key(cached)]
	if !known {
		return 0
	}
	// Versions that cannot be compared are not from a Kubernetes API server.
	order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), last.version)
	left := last.at.Add(StalePatience).Sub(w.clock.Now())
	if err != nil || order >= 0 || cached.GetUID() != last.uid || left <= 0 {
		delete(w.last, key(cached))
		return 0
	}
	return left
}

// Forget removes a deleted object.
func (w *WriteTracker) Forget(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, name)
}

func key(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
