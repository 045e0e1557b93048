package reconcile

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

func versioned(uid types.UID, version string) *metav1.ObjectMeta {
	return &metav1.ObjectMeta{Namespace: "ci", Name: "run", UID: uid, ResourceVersion: version}
}

func TestStaleFor(t *testing.T) {
	cases := map[string]struct {
		reason string
		wrote  *metav1.ObjectMeta
		later  time.Duration
		cached *metav1.ObjectMeta
		want   time.Duration
	}{
		"NothingWritten": {
			reason: "who has written nothing waits for nothing",
			cached: versioned("a", "7"),
		},
		"Older": {
			reason: "the cache has the version before the write",
			wrote:  versioned("a", "10"),
			later:  time.Second,
			cached: versioned("a", "9"),
			want:   StalePatience - time.Second,
		},
		"Same": {
			reason: "the write has arrived",
			wrote:  versioned("a", "10"),
			cached: versioned("a", "10"),
		},
		"Newer": {
			reason: "somebody has written after us",
			wrote:  versioned("a", "10"),
			cached: versioned("a", "11"),
		},
		"Overdue": {
			reason: "a watch that does not deliver must not stop a run",
			wrote:  versioned("a", "10"),
			later:  StalePatience,
			cached: versioned("a", "9"),
		},
		"AnotherObject": {
			reason: "a new object has the name of one that was deleted",
			wrote:  versioned("a", "10"),
			cached: versioned("b", "9"),
		},
		"Foreign": {
			reason: "versions that are no numbers cannot be compared",
			wrote:  versioned("a", "x10"),
			cached: versioned("a", "x9"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakePassiveClock(time.Unix(1_000_000, 0))
			w := NewWriteTracker(clock)
			if tc.wrote != nil {
				w.Record(tc.wrote)
			}
			clock.SetTime(clock.Now().Add(tc.later))
			if got := w.StaleFor(tc.cached); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestForgets holds that a write is kept no longer than it is needed: there is one for each run of a large cluster.
func TestForgets(t *testing.T) {
	w := NewWriteTracker(clocktesting.NewFakePassiveClock(time.Unix(1_000_000, 0)))
	w.Record(versioned("a", "10"))
	w.StaleFor(versioned("a", "10"))
	if len(w.last) != 0 {
		t.Errorf("the write has been seen: want nothing kept, got %v", w.last)
	}
	w.Record(versioned("a", "11"))
	w.Forget(types.NamespacedName{Namespace: "ci", Name: "run"})
	if len(w.last) != 0 {
		t.Errorf("the object is gone: want nothing kept, got %v", w.last)
	}
}
