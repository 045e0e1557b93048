package reconcile

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"
)

// StalePatience is how long a write of our own is waited for. A watch delivers it within milliseconds, and seldom within a
// second when the API server is busy; one that broke lists everything anew. After that a pass goes by what the cache has:
// its writes carry the version that it has read, so that the worst that comes of it is a conflict.
const StalePatience = 5 * time.Second

// WriteTracker are the last writes of this controller to the objects of one kind that a cache has not shown yet. A pass over an
// older version would do again what has been done, and find out by a conflict, after a request or two.
type WriteTracker struct {
	clock clock.PassiveClock

	mu   sync.Mutex
	last map[types.NamespacedName]write
}

// write is the version of an object that a write has led to.
type write struct {
	uid     types.UID
	version string
	at      time.Time
}

// NewWriteTracker returns WriteTracker that know of none.
func NewWriteTracker(c clock.PassiveClock) *WriteTracker {
	return &WriteTracker{clock: c, last: map[types.NamespacedName]write{}}
}

// Record takes down an object as the API server has answered a write with it.
func (w *WriteTracker) Record(answer metav1.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last[key(answer)] = write{uid: answer.GetUID(), version: answer.GetResourceVersion(), at: w.clock.Now()}
}

// StaleFor returns how much longer to wait for the cache at most, which holds an object in this version: 0 when it is not
// behind. The event that brings the newer version comes by itself, and starts a pass.
func (w *WriteTracker) StaleFor(cached metav1.Object) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, known := w.last[key(cached)]
	if !known {
		return 0
	}
	// Versions that cannot be compared are those of an API server that is none of Kubernetes'.
	order, err := resourceversion.CompareResourceVersion(cached.GetResourceVersion(), last.version)
	left := last.at.Add(StalePatience).Sub(w.clock.Now())
	if err != nil || order >= 0 || cached.GetUID() != last.uid || left <= 0 {
		delete(w.last, key(cached))
		return 0
	}
	return left
}

// Forget drops what is known of an object that is gone.
func (w *WriteTracker) Forget(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.last, name)
}

func key(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}
