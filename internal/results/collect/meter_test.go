package collect

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// recording is a Meter that keeps its reports.
type recording struct {
	mu    sync.Mutex
	reads []ReadReport
	ends  []EndReport
}

func (r *recording) Read(report ReadReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads = append(r.reads, report)
}

func (r *recording) Ended(report EndReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, report)
}

// TestMeter: each read is reported once, whatever its outcome, and each collection ends once.
func TestMeter(t *testing.T) {
	all := whole(t)
	half := all[:len(all)/2]
	cases := map[string]struct {
		reason  string
		runs    time.Duration
		replies []reply
		reads   []ReadReport
		ends    []EndReport
	}{
		"Followed": {
			reason:  "one read, while the container runs",
			runs:    time.Hour,
			replies: []reply{gives(all)},
			reads:   []ReadReport{{Bytes: int64(len(all)), Following: true}},
			ends:    []EndReport{{Following: true, ValueBytes: 5}},
		},
		"Finished": {
			reason:  "one read, after its end",
			replies: []reply{gives(all)},
			reads:   []ReadReport{{Bytes: int64(len(all))}},
			ends:    []EndReport{{ValueBytes: 5}},
		},
		"Again": {
			reason:  "a read that is tried again is one more",
			replies: []reply{fails(errAway), breaks(half, errAway), gives(all)},
			reads:   []ReadReport{{Cause: "unreachable"}, {Bytes: int64(len(half)), Cause: "broken"}, {Bytes: int64(len(all))}},
			ends:    []EndReport{{ValueBytes: 5}},
		},
		"Interrupted": {
			reason:  "results of a pod that was told to end are results",
			replies: []reply{gives(stream(t, true, step("step-one"), unfinished("step-two")))},
			reads:   []ReadReport{{Bytes: int64(len(stream(t, true, step("step-one"), unfinished("step-two"))))}},
			ends:    []EndReport{{Interrupted: true}},
		},
		"Panics": {
			reason:  "a read that panics has failed",
			replies: []reply{breaksBy(func() { panic("unheard of") })},
			reads:   []ReadReport{{Cause: "damaged"}, {Cause: "damaged"}},
			ends:    []EndReport{{Cause: "damaged"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			meter := &recording{}
			collected(t, tc.runs, Options{Meter: meter}, tc.replies...)
			if diff := cmp.Diff(tc.reads, meter.reads); diff != "" {
				t.Errorf("%s: reads: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.ends, meter.ends); diff != "" {
				t.Errorf("%s: ends: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestMeterOfForgotten: a read that is no longer needed has not failed, and its collection reports no end.
func TestMeterOfForgotten(t *testing.T) {
	meter := &recording{}
	synctest.Test(t, func(t *testing.T) {
		c := New(&script{replies: []reply{hangs(nil)}}, func(types.NamespacedName) {}, Options{Meter: meter})
		c.Watch(target(), false)
		synctest.Wait()
		if diff := cmp.Diff(Load{Collecting: 1, Followers: 1, FollowersLimit: 500, ReadersLimit: 16, ReservedLimit: Memory},
			c.Load()); diff != "" {
			t.Errorf("load while the log is followed: -want +got:\n%s", diff)
		}
		c.Forget("uid")
		synctest.Wait()
		if diff := cmp.Diff(Load{FollowersLimit: 500, ReadersLimit: 16, ReservedLimit: Memory}, c.Load()); diff != "" {
			t.Errorf("load once it is forgotten: -want +got:\n%s", diff)
		}
	})
	if diff := cmp.Diff([]ReadReport{{Following: true}}, meter.reads); diff != "" || meter.ends != nil {
		t.Errorf("one read without a cause and no end: -want +got:\n%s; ends %v", diff, meter.ends)
	}
}

// TestLoadOfWaiting: a log that waits for a place is counted as waiting.
func TestLoadOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(&script{replies: []reply{hangs(nil)}}, func(types.NamespacedName) {}, Options{MaxFollowers: 1, MaxReaders: 1})
		for _, uid := range []types.UID{"a", "b", "c"} {
			another := target()
			another.Key = uid
			c.Watch(another, false)
		}
		synctest.Wait()
		want := Load{Collecting: 3, Followers: 1, FollowersLimit: 1, ReadersLimit: 1, WaitingToFollow: 2, ReservedLimit: Memory}
		if diff := cmp.Diff(want, c.Load()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for _, uid := range []types.UID{"a", "b", "c"} {
			c.Forget(uid)
		}
	})
}

func TestEndReport(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	set := &Set{
		Steps:   []frame.Step{{FinishedAt: now.Add(-2 * time.Second)}, {FinishedAt: now.Add(-3 * time.Second)}, {}},
		Results: []frame.Result{{Value: []byte("12345")}, {Value: []byte("67")}},
	}
	want := EndReport{Following: true, ValueBytes: 7, Took: 2 * time.Second}
	if diff := cmp.Diff(want, endReport(set, following, now)); diff != "" {
		t.Errorf("time counts from the last step that ended: -want +got:\n%s", diff)
	}
}

// TestCauses: each kind of failure has a different name.
func TestCauses(t *testing.T) {
	causes := Causes()
	slices.Sort(causes)
	if n := len(slices.Compact(slices.Clone(causes))); n != int(kinds) || slices.Contains(causes, "") {
		t.Errorf("want %d words, got %q", kinds, causes)
	}
}
