package cloudevents

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

// Trim drops from the annotations of an ended run's status a record without events that are due, for a cache. It changes the map.
func Trim(annotations map[string]string) {
	if text, ok := annotations[v1.AnnotationEvents]; ok && len(parse(text).due) == 0 {
		delete(annotations, v1.AnnotationEvents)
	}
}

// maxShared is how many records a Trimmer remembers. Those of the latest batches are alike.
const maxShared = 256

// Trimmer makes the records of ended runs small in a cache. The record of a run that has just ended stays there, because the mark
// advances later. It is safe for concurrent use.
type Trimmer struct {
	sent *mark.Current
	now  func() time.Time

	mu sync.Mutex
	// shared are the annotations of runs that have only a record. Nothing changes them.
	shared map[string]map[string]string
}

// NewTrimmer returns a Trimmer that knows from the mark which events were sent.
func NewTrimmer(sent *mark.Current, now func() time.Time) *Trimmer {
	return &Trimmer{sent: sent, now: now, shared: map[string]map[string]string{}}
}

// Trim drops from the annotations of an ended run's status a record without events that are due. Several runs can share the returned
// map, so nothing may change it. It does not change the given map.
func (t *Trimmer) Trim(annotations map[string]string, ended *metav1.Time) map[string]string {
	text, recorded := annotations[v1.AnnotationEvents]
	switch r := parse(text); {
	case len(annotations) == 0:
		return nil // also an empty map has its size
	case !recorded:
		return annotations
	case len(r.due) == 0, t.sent.Load().Sent(r.stamp, endOrNow(ended, t.now()), t.now()):
		if len(annotations) == 1 {
			return nil
		}
		others := make(map[string]string, len(annotations))
		for key, value := range annotations {
			if key != v1.AnnotationEvents {
				others[key] = value
			}
		}
		return others
	case len(annotations) == 1:
		return t.share(text)
	default:
		return annotations
	}
}

// share returns annotations that have only this record.
func (t *Trimmer) share(text string) map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.shared[text]; ok {
		return known
	}
	if len(t.shared) >= maxShared {
		clear(t.shared)
	}
	annotations := map[string]string{v1.AnnotationEvents: text}
	t.shared[text] = annotations
	return annotations
}

// endOrNow returns when a run ended; the status of another program may not say so.
func endOrNow(ended *metav1.Time, now time.Time) time.Time {
	if ended.IsZero() {
		return now
	}
	return ended.Time
}
