package lag

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

func object(uid types.UID, version string) *metav1.ObjectMeta {
	return &metav1.ObjectMeta{Namespace: "ci", Name: "run", UID: uid, ResourceVersion: version}
}

func TestBehind(t *testing.T) {
	cases := map[string]struct {
		reason string
		wrote  *metav1.ObjectMeta
		later  time.Duration
		cached *metav1.ObjectMeta
		want   time.Duration
	}{
		"NothingWritten": {"who has written nothing waits for nothing", nil, 0, object("a", "7"), 0},
		"Older":          {"the cache has the version before the write", object("a", "10"), time.Second, object("a", "9"), Patience - time.Second},
		"Same":           {"the write has arrived", object("a", "10"), 0, object("a", "10"), 0},
		"Newer":          {"somebody has written after us", object("a", "10"), 0, object("a", "11"), 0},
		"Overdue":        {"a watch that does not deliver must not stop a run", object("a", "10"), Patience, object("a", "9"), 0},
		"AnotherObject":  {"a new object has the name of one that was deleted", object("a", "10"), 0, object("b", "9"), 0},
		"Foreign":        {"versions that are no numbers cannot be compared", object("a", "x10"), 0, object("a", "x9"), 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			clock := clocktesting.NewFakePassiveClock(time.Unix(1_000_000, 0))
			w := NewWrites(clock)
			if tc.wrote != nil {
				w.Note(tc.wrote)
			}
			clock.SetTime(clock.Now().Add(tc.later))
			if got := w.Behind(tc.cached); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestForgets holds that a write is kept no longer than it is needed: there is one for each run of a large cluster.
func TestForgets(t *testing.T) {
	w := NewWrites(clocktesting.NewFakePassiveClock(time.Unix(1_000_000, 0)))
	w.Note(object("a", "10"))
	w.Behind(object("a", "10"))
	if len(w.last) != 0 {
		t.Errorf("the write has been seen: want nothing kept, got %v", w.last)
	}
	w.Note(object("a", "11"))
	w.Forget(types.NamespacedName{Namespace: "ci", Name: "run"})
	if len(w.last) != 0 {
		t.Errorf("the object is gone: want nothing kept, got %v", w.last)
	}
}
