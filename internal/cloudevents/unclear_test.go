package cloudevents

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestLostAnswerOfTheLastWrite: a run whose last write was stored and not answered was known as one that continues. It stayed in memory,
// and its record was written only at the end of the controller.
func TestLostAnswerOfTheLastWrite(t *testing.T) {
	for name, with := range map[string]bool{"OwnRecord": false, "Mark": true} {
		t.Run(name, func(t *testing.T) {
			sink := newReceiver(t)
			objects := []client.Object{run("build")}
			if with {
				objects = append(objects, emptyMark())
			}
			s := newStore(t, objects...)
			r, clock := quiet(t, s, sink.URL)
			r.write(t, "build", true, is(pending()))
			r.drain(t, "uid")
			last := r.prepare(t, "build", is(finished()))
			last.store(t)
			r.TaskRuns().Failed(last.before)
			if err := r.resumeAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.drain(t, "uid")
			clock.SetTime(clock.Now().Add(markPeriod))
			r.advance(t.Context())
			sink.next(t, 3)
			if n := len(r.backlog.uids()) + r.batches.size(); n != 0 || len(sink.got) > 0 {
				t.Errorf("the run has ended and is kept: %v, %d runs in batches", r.backlog.uids(), r.batches.size())
			}
			if want := map[bool]int{true: 0, false: 1}[with]; s.patches != want {
				t.Errorf("got %d records, want %d", s.patches, want)
			}
		})
	}
}

// TestUnclearWrites: a write without an answer keeps its batch open until it is known whether it was stored.
func TestUnclearWrites(t *testing.T) {
	cases := map[string]struct {
		reason string
		// then happens after the write has failed.
		then func(t *testing.T, w statusWrite)
		// after is the time from the failure to the look that counts.
		after time.Duration
		// members is how many runs are in a batch then, and sent how many events were sent.
		members, sent int
	}{
		"Stored": {
			reason:  "the run is read, and its events are sent",
			then:    func(t *testing.T, w statusWrite) { t.Helper(); w.store(t) },
			after:   askAfter,
			members: 1,
			sent:    3,
		},
		"NotYet": {
			reason:  "the API server may still execute it",
			then:    func(*testing.T, statusWrite) {},
			after:   answerLimit - time.Second,
			members: 1,
		},
		"Never": {
			reason: "no request takes so long",
			then:   func(*testing.T, statusWrite) {},
			after:  answerLimit,
		},
		"Deleted": {
			reason: "of a run that is gone no event can be sent",
			then: func(t *testing.T, w statusWrite) {
				t.Helper()
				if err := w.replica.store.Delete(t.Context(), w.before); err != nil {
					t.Fatal(err)
				}
			},
			after: askAfter,
		},
		"Again": {
			reason: "the next try is under way",
			then: func(t *testing.T, w statusWrite) {
				t.Helper()
				again := w.replica.prepare(t, "build", is(finished()))
				if diff := cmp.Diff(w.after.Status.Annotations, again.after.Status.Annotations); diff != "" {
					t.Errorf("the stamp must be that of the first try, which can still be stored: -want +got:\n%s", diff)
				}
			},
			after:   answerLimit,
			members: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sink := newReceiver(t)
			s := newStore(t, run("build"), emptyMark())
			r, clock := quiet(t, s, sink.URL)
			w := r.prepare(t, "build", is(finished()))
			r.TaskRuns().Failed(w.before)
			tc.then(t, w)
			clock.SetTime(clock.Now().Add(tc.after))
			r.advance(t.Context())
			if n := r.batches.size(); n != tc.members {
				t.Errorf("%s: %d runs are in batches, want %d", tc.reason, n, tc.members)
			}
			r.drain(t, "uid")
			if r.counts.all["sent"] != tc.sent {
				t.Errorf("%s: %d events were sent, want %d", tc.reason, r.counts.all["sent"], tc.sent)
			}
		})
	}
}

// TestNoRoomForARecord: a status that replaces a refused one has no record, so the mark need not wait for the run.
func TestNoRoomForARecord(t *testing.T) {
	sink := newReceiver(t)
	s := newStore(t, run("build"), emptyMark())
	r, _ := quiet(t, s, sink.URL)
	w := r.prepare(t, "build", is(finished()))
	r.TaskRuns().Failed(w.before)
	w.after.Status.Annotations = nil
	w.store(t)
	w.known()
	r.drain(t, "uid")
	if n := r.batches.size() + len(r.backlog.uids()); n != 0 || r.counts.all["sent"] != 3 {
		t.Errorf("want the events sent and nothing kept, got %d runs and %v", n, r.counts.all)
	}
}

// TestWriteWithoutAnAnswerAtAll: a reconcile that panicked before the answer to its last write was known does not keep a batch open. The
// next write of the run shows that the earlier one is over.
func TestWriteWithoutAnAnswerAtAll(t *testing.T) {
	cases := map[string]struct {
		reason string
		next   bool
		after  time.Duration
		want   int
	}{
		"NextWrite":   {reason: "the next write of the run does not end it", next: true, after: answerLimit},
		"NoNextWrite": {reason: "no write takes so long", after: writeLimit},
		"UnderWay":    {reason: "it may still be under way", after: answerLimit, want: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, run("build"), emptyMark())
			r, clock := quiet(t, s, newReceiver(t).URL)
			r.prepare(t, "build", is(finished()))
			if tc.next {
				r.prepare(t, "build", is(running()))
			}
			clock.SetTime(clock.Now().Add(tc.after))
			r.advance(t.Context())
			if got := r.batches.size(); got != tc.want {
				t.Errorf("%s: %d runs are in batches, want %d", tc.reason, got, tc.want)
			}
		})
	}
}
