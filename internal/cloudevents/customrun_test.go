package cloudevents

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

func TestCustomRunEvent(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	state := func(status metav1.ConditionStatus, ended time.Duration, sent string) *v1beta1.CustomRun {
		cr := &v1beta1.CustomRun{}
		if status != "" {
			cr.Status.Conditions = []v1beta1.Condition{{Type: v1.ConditionSucceeded, Status: status}}
			cr.Status.CompletionTime = new(metav1.NewTime(now.Add(-ended)))
		}
		if sent != "" {
			cr.Annotations = map[string]string{v1.AnnotationEvents: sent}
		}
		return cr
	}
	cases := map[string]struct {
		reason string
		run    *v1beta1.CustomRun
		want   numbered
		due    bool
	}{
		"New": {
			reason: "no controller has acted on it",
			run:    state("", 0, ""),
			want:   numbered{1, Started},
			due:    true,
		},
		"Runs": {
			reason: "the next state",
			run:    state(metav1.ConditionUnknown, 0, "1"),
			want:   numbered{2, Running},
			due:    true,
		},
		"StillRuns": {
			reason: "the state is sent already",
			run:    state(metav1.ConditionUnknown, 0, "2"),
			want:   numbered{2, Running},
		},
		"Ends": {
			reason: "the last state",
			run:    state(metav1.ConditionTrue, 0, "2"),
			want:   numbered{3, Successful},
			due:    true,
		},
		"Fails": {
			reason: "a state may be skipped",
			run:    state(metav1.ConditionFalse, 0, ""),
			want:   numbered{3, Failed},
			due:    true,
		},
		"Ended": {
			reason: "the end is sent already",
			run:    state(metav1.ConditionFalse, 0, "3"),
			want:   numbered{3, Failed},
		},
		"LongAgo": {
			reason: "a run that ended before there was a sink",
			run:    state(metav1.ConditionTrue, 2*time.Hour, ""),
			want:   numbered{3, Successful},
		},
		"DownForLong": {
			reason: "a run of which events were sent, and that ended while no controller ran",
			run:    state(metav1.ConditionTrue, 2*time.Hour, "2"),
			want:   numbered{3, Successful},
			due:    true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, due := customRunEvent(tc.run, now)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(numbered{})); diff != "" || due != tc.due {
				t.Errorf("%s: due %t, want %t; -want +got:\n%s", tc.reason, due, tc.due, diff)
			}
		})
	}
}

// TestCustomRunIsRecorded: what was sent about a CustomRun is recorded on it, and an older version of it in the cache sends nothing again.
func TestCustomRunIsRecorded(t *testing.T) {
	sink := newReceiver(t)
	cr := &v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "approve", UID: "uid"}}
	cr.Status.Conditions = []v1beta1.Condition{{Type: v1.ConditionSucceeded, Status: metav1.ConditionTrue}}
	cr.Status.CompletionTime = new(metav1.Now())
	s := newStore(t, cr.DeepCopy())
	r := start(t, s, sink.URL)
	r.customRun(cr)
	if diff := cmp.Diff([]string{"uid-3 customrun.successful"}, sink.next(t, 1)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	r.settled(t)
	r.customRun(cr) // the cache does not show the record yet
	r.settled(t)
	r.stop()
	var got v1beta1.CustomRun
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(cr), &got); err != nil {
		t.Fatal(err)
	}
	if got.Annotations[v1.AnnotationEvents] != "3" || len(sink.got) != 0 {
		t.Errorf("the record is %q, and %d more events were sent", got.Annotations[v1.AnnotationEvents], len(sink.got))
	}
}

// settled waits until there is nothing to do for any run.
func (r *replica) settled(t *testing.T) {
	t.Helper()
	deadline := time.After(limit)
	for len(r.backlog.uids()) > 0 {
		select {
		case <-deadline:
			t.Fatal("there is always something to do")
		case <-time.After(time.Millisecond):
		}
	}
}
