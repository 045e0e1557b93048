package cloudevents

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
)

// recordOf returns the record of a run.
func recordOf(t *testing.T, s *store, name string) string {
	t.Helper()
	var tr v1.TaskRun
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: "ci", Name: name}, &tr); err != nil {
		t.Fatal(err)
	}
	return tr.Status.Annotations[v1.AnnotationEvents]
}

// marked returns the mark in the API server.
func marked(t *testing.T, s *store) mark.Mark {
	t.Helper()
	var cm corev1.ConfigMap
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(emptyMark()), &cm); err != nil {
		t.Fatal(err)
	}
	m, err := mark.Parse(cm.Data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestEventsCostNoWrite: many runs whose events are sent cost no additional write of the runs, but two of the mark: at the start and at
// the end. Each finished run cost one write before, a quarter of what it costs the API server.
func TestEventsCostNoWrite(t *testing.T) {
	const count = 20
	sink := newReceiver(t)
	objects := []client.Object{emptyMark()}
	for i := range count {
		tr := run(fmt.Sprintf("run-%d", i))
		tr.UID = types.UID(tr.Name)
		objects = append(objects, tr)
	}
	s := newStore(t, objects...)
	r := start(t, s, sink.URL)
	for i := range count {
		r.write(t, fmt.Sprintf("run-%d", i), true, is(pending()))
		r.write(t, fmt.Sprintf("run-%d", i), true, is(finished()))
	}
	sink.next(t, 3*count)
	r.stop()
	if s.patches != 0 || s.marks != 2 {
		t.Errorf("the events cost %d records and %d writes of the mark, want none and 2", s.patches, s.marks)
	}
	if r.batches.size() > 0 || len(r.backlog.uids()) > 0 {
		t.Errorf("%d runs are kept in batches, and %d in the queue", r.batches.size(), len(r.backlog.uids()))
	}
	m := marked(t, s)
	for i := range count {
		text := recordOf(t, s, fmt.Sprintf("run-%d", i))
		if stamp := parse(text).stamp; !strings.HasPrefix(text, "3 ") || !m.Sent(stamp, time.Now(), time.Now()) {
			t.Errorf("the record %q is not covered by the mark %v", text, m.Data())
		}
	}
	second := start(t, s, sink.URL)
	second.empty(t)
	second.stop()
	if len(sink.got) != 0 {
		t.Errorf("after an orderly end, %v is sent again", sink.next(t, len(sink.got)))
	}
}

// TestRestartWithTheMark: what happens to the events of a finished run when the controller or the mark goes.
func TestRestartWithTheMark(t *testing.T) {
	all := []string{"uid-1 taskrun.queued", "uid-2 taskrun.started", "uid-3 taskrun.successful"}
	ended := func(ago time.Duration) func(*v1.TaskRunStatus) {
		return func(st *v1.TaskRunStatus) {
			is(finished())(st)
			st.CompletionTime = &metav1.Time{Time: time.Now().Add(-ago)}
		}
	}
	cases := map[string]struct {
		reason string
		ago    time.Duration
		end    func(t *testing.T, r *replica)
		again  []string
	}{
		"Orderly": {
			reason: "the end writes the mark",
			end:    func(_ *testing.T, r *replica) { r.stop() },
		},
		"Killed": {
			reason: "killed before the mark: the same events again, with the same identifiers",
			end:    func(_ *testing.T, r *replica) { r.kill() },
			again:  all,
		},
		"MarkCannotBeWritten": {
			reason: "at the orderly end the mark is missing, so the run gets its own record",
			end: func(t *testing.T, r *replica) {
				t.Helper()
				if err := r.store.Delete(t.Context(), emptyMark()); err != nil {
					t.Fatal(err)
				}
				r.stop()
				recorded(t, r.store, "3")
			},
		},
		"MarkDeleted": {
			reason: "a person has deleted the mark: a run that has just ended may not be sent",
			end: func(t *testing.T, r *replica) {
				t.Helper()
				r.stop()
				if err := r.store.Delete(t.Context(), emptyMark()); err != nil {
					t.Fatal(err)
				}
			},
			again: all,
		},
		"MarkDeletedLater": {
			reason: "a person has deleted the mark: old events are not sent again",
			ago:    2 * time.Hour,
			end: func(t *testing.T, r *replica) {
				t.Helper()
				r.stop()
				if err := r.store.Delete(t.Context(), emptyMark()); err != nil {
					t.Fatal(err)
				}
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sink := newReceiver(t)
			s := newStore(t, run("build"), emptyMark())
			r := start(t, s, sink.URL)
			r.write(t, "build", true, ended(tc.ago))
			if diff := cmp.Diff(all, sink.next(t, len(all))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			tc.end(t, r)
			second := start(t, s, sink.URL)
			if diff := cmp.Diff(tc.again, sink.next(t, len(tc.again))); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if len(tc.again) > 0 { // no later mark covers the controller that has ended
				recorded(t, s, "3")
			}
			second.stop()
			if len(sink.got) != 0 {
				t.Errorf("%s: %v is sent, too", tc.reason, sink.next(t, len(sink.got)))
			}
		})
	}
}

// quiet is a Delivery that nothing calls but a test, with its clock. It has begun.
func quiet(t *testing.T, s *store, sink string) (*replica, *clocktesting.FakePassiveClock) {
	t.Helper()
	c := config.Default()
	c.Events.Sink = sink
	clock := clocktesting.NewFakePassiveClock(time.Now())
	r := &replica{counts: &counts{all: map[string]int{}}, store: s}
	r.Delivery = New(Options{
		Client: s, Live: s, Cache: s, Config: config.NewStore(c), Clock: clock, Meter: r.counts, Namespace: "installation",
	})
	r.advance(t.Context())
	return r, clock
}

// drain does everything that is to be done now for a run.
func (r *replica) drain(t *testing.T, uid types.UID) {
	t.Helper()
	for again := true; again; {
		var err error
		if again, err = r.proceed(t.Context(), uid); err != nil {
			return
		}
	}
}

// TestBlockedBatch: a run whose events the sink refuses for now does not keep others from being recorded for long.
func TestBlockedBatch(t *testing.T) {
	sink := newReceiver(t, http.StatusServiceUnavailable)
	blocked, build := run("blocked"), run("build")
	blocked.UID = "blocked"
	s := newStore(t, blocked, build, emptyMark())
	r, clock := quiet(t, s, sink.URL)
	r.write(t, "blocked", true, is(finished()))
	r.write(t, "build", true, is(finished()))
	r.drain(t, "blocked")
	r.drain(t, "uid")
	clock.SetTime(clock.Now().Add(markPeriod))
	r.advance(t.Context())
	r.drain(t, "uid")
	if s.patches != 0 || s.marks != 1 {
		t.Fatalf("the run waits for the mark: got %d records and %d marks", s.patches, s.marks)
	}
	clock.SetTime(clock.Now().Add(markPatience))
	r.advance(t.Context())
	r.drain(t, "uid")
	if got := recordOf(t, s, "build"); got != "3" || s.patches != 1 {
		t.Errorf("it has waited long enough: got the record %q, %d records", got, s.patches)
	}
	r.drain(t, "blocked")
	clock.SetTime(clock.Now().Add(markPeriod))
	r.advance(t.Context())
	if s.patches != 1 || s.marks != 2 || r.batches.size() != 0 {
		t.Errorf("the batch is complete: got %d records, %d marks and %d runs", s.patches, s.marks, r.batches.size())
	}
}

// TestMarkOfTwoControllers: a controller that is still ending and the next one write the same ConfigMap. Neither undoes what the other has
// written, and neither speaks for the other.
func TestMarkOfTwoControllers(t *testing.T) {
	sink := newReceiver(t)
	first, second := run("first"), run("second")
	first.UID, second.UID = "first", "second"
	s := newStore(t, first, second, emptyMark())
	old, _ := quiet(t, s, sink.URL)
	next, _ := quiet(t, s, sink.URL)
	if old.marks.epoch >= next.marks.epoch {
		t.Fatalf("epoch %d follows %d", next.marks.epoch, old.marks.epoch)
	}
	old.write(t, "first", true, is(finished()))
	next.write(t, "second", true, is(finished()))
	next.drain(t, "second")
	next.advance(t.Context())
	now := time.Now()
	if m := marked(t, s); m.Sent(parse(recordOf(t, s, "first")).stamp, now, now) {
		t.Errorf("the mark of the next controller covers what the earlier one has not sent: %v", m.Data())
	}
	old.drain(t, "first")
	old.flush(t.Context())
	m := marked(t, s)
	for _, name := range []string{"first", "second"} {
		if !m.Sent(parse(recordOf(t, s, name)).stamp, now, now) {
			t.Errorf("the mark %v does not cover %s with %q", m.Data(), name, recordOf(t, s, name))
		}
	}
}

// TestFullBatches: above the limit, runs get no stamp, and so their own record.
func TestFullBatches(t *testing.T) {
	sink := newReceiver(t)
	other := run("other")
	other.UID = "other"
	s := newStore(t, run("build"), other, emptyMark())
	r, _ := quiet(t, s, sink.URL)
	r.batches.limit = 1
	r.write(t, "other", true, is(finished()))
	r.write(t, "build", true, is(finished()))
	r.drain(t, "uid")
	if got := recordOf(t, s, "build"); got != "3" || s.patches != 1 {
		t.Errorf("got the record %q and %d records", got, s.patches)
	}
}

// TestReportsAboutTheMark: the log says once that the mark cannot be written, that it can again, and that it was deleted.
func TestReportsAboutTheMark(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	log := funcr.New(func(_, args string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, args)
	}, funcr.Options{})
	sink := newReceiver(t)
	tr := run("build")
	tr.Status.SetCondition(finished(), metav1.Now())
	tr.Status.CompletionTime = &metav1.Time{Time: time.Now().Add(-2 * time.Hour)}
	tr.Status.Annotations = map[string]string{v1.AnnotationEvents: "3 3:successful @1764500000.1"}
	s := newStore(t, tr)
	c := config.Default()
	c.Events.Sink = sink.URL
	clock := clocktesting.NewFakePassiveClock(time.Now())
	d := New(Options{Client: s, Live: s, Cache: s, Config: config.NewStore(c), Clock: clock, Log: log, Namespace: "installation"})
	look := func() {
		t.Helper()
		d.advance(t.Context())
		if err := d.resumeAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.SetTime(clock.Now().Add(lookPeriod))
	}
	look()
	look()
	if err := s.Create(t.Context(), emptyMark()); err != nil {
		t.Fatal(err)
	}
	look()
	look()
	want := []string{
		"the events of each finished run cost one more write", `"runsSentAgain"=0 "runsNotSentAgain"=1`,
		"the mark of events that were sent can be written again",
	}
	if len(lines) != len(want) {
		t.Fatalf("got %q", lines)
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("got %q, want %q in it", line, want[i])
		}
	}
}

// TestMarkIsNotReadYet: while the mark cannot be read, it is not known which stamped events were sent. They wait, and are not sent again.
func TestMarkIsNotReadYet(t *testing.T) {
	sink := newReceiver(t)
	s := newStore(t, run("build"), emptyMark())
	first := start(t, s, sink.URL)
	first.write(t, "build", true, is(finished()))
	sink.next(t, 3)
	first.stop()
	r, _ := quiet(t, s, sink.URL)
	r.marks.fresh.Store(false)
	r.marks.current = &mark.Current{}
	if err := r.resumeAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(r.backlog.uids()); n != 0 {
		t.Errorf("%d runs are in the queue", n)
	}
	if err := LoadMark(t.Context(), s, "installation", r.marks.current); err != nil || !r.marks.current.Load().Known() {
		t.Errorf("want the mark read, got %v", err)
	}
}

// TestMarkIsCreatedAgain: if a person deletes the mark and creates it again, the controller that runs writes into it what it knows.
func TestMarkIsCreatedAgain(t *testing.T) {
	first, second := run("first"), run("second")
	first.UID, second.UID = "first", "second"
	s := newStore(t, first, second, emptyMark())
	r, _ := quiet(t, s, newReceiver(t).URL)
	r.write(t, "first", true, is(finished()))
	r.drain(t, "first")
	r.advance(t.Context())
	before := marked(t, s)
	if err := s.Delete(t.Context(), emptyMark()); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), emptyMark()); err != nil {
		t.Fatal(err)
	}
	r.write(t, "second", true, is(finished()))
	r.drain(t, "second")
	r.advance(t.Context())
	now := time.Now()
	m := marked(t, s)
	for _, name := range []string{"first", "second"} {
		if stamp := parse(recordOf(t, s, name)).stamp; m.Epoch() != before.Epoch() || !m.Sent(stamp, now, now) {
			t.Errorf("the mark %v does not cover %s with %s", m.Data(), name, stamp)
		}
	}
}
