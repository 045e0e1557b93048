package cloudevents

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestEventsOfARun: a run has one event for each transition, in order, as Tekton names them, and without the mark one write beyond those of
// its status.
func TestEventsOfARun(t *testing.T) {
	sink := newReceiver(t)
	s := newStore(t, run("build"))
	r := start(t, s, sink.URL+"/ci")
	r.write(t, "build", true, is(pending()))
	r.write(t, "build", true, is(running()))
	r.write(t, "build", true, func(st *v1.TaskRunStatus) { st.PodName = "no news" })
	r.write(t, "build", true, is(finished()))
	want := []string{"uid-1 taskrun.queued", "uid-2 taskrun.started", "uid-3 taskrun.running", "uid-4 taskrun.successful"}
	if diff := cmp.Diff(want, sink.next(t, 4)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	recorded(t, s, "4")
	r.stop()
	if s.patches != 1 {
		t.Errorf("the events cost %d writes, want 1", s.patches)
	}
	if diff := cmp.Diff(map[string]int{"sent": 4}, r.counts.all); diff != "" {
		t.Errorf("counts: -want +got:\n%s", diff)
	}
	if r.backlog.size() != 0 || len(r.backlog.uids()) != 0 {
		t.Error("an ended run without anything to do must not be kept")
	}
}

// TestAttributes: source, subject, time and data of an event.
func TestAttributes(t *testing.T) {
	sink := newReceiver(t)
	r := start(t, newStore(t, run("build")), sink.URL)
	r.write(t, "build", true, is(pending()))
	queued, started := <-sink.got, <-sink.got
	if got := queued.Source(); got != "/apis/tekton.dev/v1/namespaces/ci/taskruns/build" {
		t.Errorf("source %q", got)
	}
	if queued.Subject() != "build" || queued.DataContentType() != "application/json" || queued.Time().Unix() != 1_700_000_000 {
		t.Errorf("got %s", queued)
	}
	for phase, e := range map[string]cloudevents.Event{"": queued, "Pending": started} {
		var got received
		if err := json.Unmarshal(e.Data(), &got); err != nil {
			t.Fatal(err)
		}
		reason := ""
		if c := got.TaskRun.Status.Condition(); c != nil {
			reason = c.Reason
		}
		if reason != phase {
			t.Errorf("%s: the run has the reason %q, want %q: an event has the run as it was then", e.Type(), reason, phase)
		}
	}
}

// TestNothingWithoutASink: without a sink the status has no record, and nothing is kept.
func TestNothingWithoutASink(t *testing.T) {
	s := newStore(t, run("build"))
	r := start(t, s, "")
	r.write(t, "build", true, is(finished()))
	recorded(t, s, "")
	if len(r.backlog.uids()) != 0 {
		t.Error("a run is kept")
	}
}

// TestRestart: what happens to the events when the controller ends at each point. The kill between the answer of the sink and the
// record is the only one after which an event is sent twice, and then with the same identifier.
func TestRestart(t *testing.T) {
	all := []string{"uid-1 taskrun.queued", "uid-2 taskrun.started", "uid-3 taskrun.successful"}
	cases := map[string]struct {
		reason string
		// before happens before the restart.
		before func(t *testing.T, r *replica, sink *receiver)
		want   []string
		record string
	}{
		"AfterTheWrite": {
			reason: "killed before the events are in the queue",
			before: func(t *testing.T, r *replica, _ *receiver) {
				t.Helper()
				r.kill()
				r.write(t, "build", false, is(finished()))
			},
			want:   all,
			record: "3",
		},
		"AfterTheAnswer": {
			reason: "killed before the record: the same events again, with the same identifiers",
			before: func(t *testing.T, r *replica, sink *receiver) {
				t.Helper()
				r.write(t, "build", true, is(running()))
				sink.next(t, 3)
				r.kill()
				recorded(t, r.store, "3 1:queued 2:started 3:running")
			},
			want:   []string{"uid-1 taskrun.queued", "uid-2 taskrun.started", "uid-3 taskrun.running"},
			record: "3 1:queued 2:started 3:running", // the next write of the status records it
		},
		"Orderly": {
			reason: "an orderly end records what was sent",
			before: func(t *testing.T, r *replica, sink *receiver) {
				t.Helper()
				r.write(t, "build", true, is(running()))
				sink.next(t, 3)
				r.stop()
			},
			record: "3",
		},
		"Overtaken": {
			reason: "at an orderly end the status was just written, with a record from before the answers",
			before: func(t *testing.T, r *replica, sink *receiver) {
				t.Helper()
				first := r.prepare(t, "build", is(pending()))
				first.store(t)
				second := r.prepare(t, "build", is(running()))
				first.known()
				sink.next(t, 2)
				r.empty(t)
				second.store(t)
				recorded(t, r.store, "3 1:queued 2:started 3:running")
				r.stop()
				recorded(t, r.store, "3 3:running")
			},
			want:   []string{"uid-3 taskrun.running"},
			record: "3 3:running",
		},
		"AfterTheRecord": {
			reason: "all is recorded",
			before: func(t *testing.T, r *replica, sink *receiver) {
				t.Helper()
				r.write(t, "build", true, is(finished()))
				sink.next(t, 3)
				recorded(t, r.store, "3")
				r.kill()
			},
			record: "3",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sink := newReceiver(t)
			s := newStore(t, run("build"))
			tc.before(t, start(t, s, sink.URL), sink)
			second := start(t, s, sink.URL)
			if diff := cmp.Diff(tc.want, sink.next(t, len(tc.want))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			recorded(t, s, tc.record)
			second.stop()
			if len(sink.got) != 0 {
				t.Errorf("%s: %v is sent, too", tc.reason, sink.next(t, len(sink.got)))
			}
		})
	}
}

// TestEarlierEventsAreSentFirst: after a write whose answer was lost, the next one makes its events known, and they are sent first.
func TestEarlierEventsAreSentFirst(t *testing.T) {
	sink := newReceiver(t)
	s := newStore(t, run("build"))
	r := start(t, s, sink.URL)
	r.write(t, "build", false, is(pending()))
	r.write(t, "build", true, is(running()))
	r.write(t, "build", true, is(finished()))
	want := []string{"uid-1 taskrun.queued", "uid-2 taskrun.started", "uid-3 taskrun.running", "uid-4 taskrun.successful"}
	if diff := cmp.Diff(want, sink.next(t, 4)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	recorded(t, s, "4")
	r.stop()
	if len(sink.got) != 0 {
		t.Errorf("%v is sent, too", sink.next(t, len(sink.got)))
	}
}

// TestRecordIsRefused: without the right to change a run its events are sent, and the record is not tried again and again.
func TestRecordIsRefused(t *testing.T) {
	sink := newReceiver(t)
	s := newStore(t, run("build"))
	r := start(t, s, sink.URL)
	forbidden := error(apierrors.NewForbidden(schema.GroupResource{Resource: "taskruns"}, "build", errors.New("no right")))
	r.writer.refuse.Store(&forbidden)
	r.write(t, "build", true, is(finished()))
	sink.next(t, 3)
	r.stop()
	recorded(t, s, "3 1:queued 2:started 3:successful")
	if len(r.backlog.uids()) != 0 {
		t.Error("a run is kept although its record cannot be written")
	}
	if n := r.writer.refused.Load(); n != 1 {
		t.Errorf("the record was tried %d times, want once", n)
	}
}

// TestAnswers: what the sink answers decides whether an event is sent again. The later events of a run wait for it.
func TestAnswers(t *testing.T) {
	cases := map[string]struct {
		reason  string
		answers []int
		want    []string
		counts  map[string]int
		event   string
	}{
		"Busy": {
			reason:  "a receiver that is not ready gets the event again, before the next one",
			answers: []int{http.StatusServiceUnavailable},
			want:    []string{"uid-1 taskrun.queued", "uid-1 taskrun.queued", "uid-2 taskrun.started"},
			counts:  map[string]int{"failed status": 1, "sent": 2},
		},
		"Missing": {
			reason:  "a wrong address can be corrected",
			answers: []int{http.StatusNotFound},
			want:    []string{"uid-1 taskrun.queued", "uid-1 taskrun.queued", "uid-2 taskrun.started"},
			counts:  map[string]int{"failed status": 1, "sent": 2},
		},
		"Refused": {
			reason:  "an event that the receiver does not want is reported and not sent again",
			answers: []int{http.StatusBadRequest},
			want:    []string{"uid-1 taskrun.queued", "uid-2 taskrun.started"},
			counts:  map[string]int{"failed status": 1, "dropped refused": 1, "sent": 1},
			event:   `Warning CloudEventFailed cannot send the event "dev.tekton.event.taskrun.queued.v1": the sink answers 400 Bad Request`,
		},
		"Moved": {
			reason:  "no redirect is followed",
			answers: []int{http.StatusFound},
			want:    []string{"uid-1 taskrun.queued", "uid-1 taskrun.queued", "uid-2 taskrun.started"},
			counts:  map[string]int{"failed status": 1, "sent": 2},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sink := newReceiver(t, tc.answers...)
			s := newStore(t, run("build"))
			r := start(t, s, sink.URL)
			r.write(t, "build", true, is(pending()))
			if diff := cmp.Diff(tc.want, sink.next(t, len(tc.want))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			r.stop()
			recorded(t, s, "2")
			if diff := cmp.Diff(tc.counts, r.counts.all); diff != "" {
				t.Errorf("%s: counts: -want +got:\n%s", tc.reason, diff)
			}
			var got string
			if len(r.recorder.Events) > 0 {
				got = <-r.recorder.Events
			}
			if got != tc.event {
				t.Errorf("%s: got the event %q, want %q", tc.reason, got, tc.event)
			}
		})
	}
}

// TestDeletedRun: the events of a deleted run are sent if this process knows what they say. After a restart they are lost, and counted.
func TestDeletedRun(t *testing.T) {
	sink := newReceiver(t, http.StatusServiceUnavailable)
	s := newStore(t, run("build"))
	r := start(t, s, sink.URL)
	r.write(t, "build", true, is(finished()))
	sink.next(t, 1)
	if err := s.Delete(t.Context(), run("build")); err != nil {
		t.Fatal(err)
	}
	want := []string{"uid-1 taskrun.queued", "uid-2 taskrun.started", "uid-3 taskrun.successful"}
	if diff := cmp.Diff(want, sink.next(t, 3)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	r.add(refOf("TaskRun", "v1", run("gone")), []item{{numbered: numbered{9, Failed}}}, "9 9:failed", true)
	r.empty(t)
	r.stop()
	if r.counts.all["dropped deleted"] != 1 {
		t.Errorf("want the event of the run that is gone counted, got %v", r.counts.all)
	}
}

// empty waits until nothing is in the queue.
func (r *replica) empty(t *testing.T) {
	t.Helper()
	deadline := time.After(limit)
	for r.backlog.size() > 0 {
		select {
		case <-deadline:
			t.Fatal("the queue does not become empty")
		case <-time.After(time.Millisecond):
		}
	}
}

// TestManyRuns: the events of many runs arrive once each, and those of one run in their order.
func TestManyRuns(t *testing.T) {
	const count = 60
	sink := newReceiver(t)
	var objects []client.Object
	for i := range count {
		tr := run(fmt.Sprintf("run-%d", i))
		tr.UID = types.UID(tr.Name)
		objects = append(objects, tr)
	}
	r := start(t, newStore(t, objects...), sink.URL)
	for _, change := range []metav1.Condition{pending(), running(), finished()} {
		for _, o := range objects {
			r.write(t, o.GetName(), true, is(change))
		}
	}
	got := map[string][]string{}
	for _, one := range sink.next(t, 4*count) {
		id, phase, _ := strings.Cut(one, " taskrun.")
		uid := id[:strings.LastIndex(id, "-")]
		got[uid] = append(got[uid], phase)
	}
	r.stop()
	for _, o := range objects {
		if diff := cmp.Diff([]string{"queued", "started", "running", "successful"}, got[o.GetName()]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", o.GetName(), diff)
		}
	}
	if len(sink.got) != 0 {
		t.Errorf("%d events too many", len(sink.got))
	}
}
