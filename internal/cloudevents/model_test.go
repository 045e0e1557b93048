package cloudevents

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

// compose begins a write of a status, from what the cache shows.
func (w *world) compose() {
	var free []string
	for _, name := range slices.Sorted(maps.Keys(w.cached)) {
		busy := slices.ContainsFunc(w.writes, func(p *statusOnItsWay) bool {
			return p.process == w.process && p.before.Name == name && !p.answered
		})
		if !busy && !w.cached[name].Status.Done() {
			free = append(free, name)
		}
	}
	if len(free) == 0 {
		return
	}
	before := w.cached[free[w.r.IntN(len(free))]].DeepCopy()
	status := *before.Status.DeepCopy()
	change := []metav1.Condition{pending(), running(), finished(), finished()}[w.r.IntN(4)]
	if change.Status != metav1.ConditionUnknown {
		status.CompletionTime = &metav1.Time{Time: w.clock.Now()}
	}
	status.SetCondition(change, metav1.Time{Time: w.clock.Now()})
	after := before.DeepCopy()
	after.Status = w.d.TaskRuns().Due(before, status)
	w.writes = append(w.writes, &statusOnItsWay{before: before, after: after, process: w.process, begun: w.clock.Now()})
	w.notef("process %d composes %s %q", w.process, before.Name, after.Status.Annotations[v1.AnnotationEvents])
}

// execute executes a write, and reports whether the API server has accepted it.
func (w *world) execute(p *statusOnItsWay) bool {
	tr := w.runs[p.before.Name]
	if tr == nil || tr.ResourceVersion != p.before.ResourceVersion {
		return false
	}
	w.store(tr, func(s *v1.TaskRunStatus) { *s = *p.after.Status.DeepCopy() })
	w.notef("%s is stored: %q", tr.Name, p.after.Status.Annotations[v1.AnnotationEvents])
	return true
}

// answer answers a write, or ends one whose answer was lost.
func (w *world) answer(at int, how int) {
	p := w.writes[at]
	lives := p.process == w.process && !p.answered
	failed := func() {
		if lives {
			w.d.TaskRuns().Failed(p.before)
			w.notef("process %d: %s has failed", w.process, p.before.Name)
		}
		p.answered = true
	}
	switch {
	case how == 0 && !p.answered: // the answer is lost, and the write is executed later
		failed()
		return
	case how == 1:
		failed()
	case how == 2:
		w.execute(p)
		failed()
	case w.execute(p) && lives:
		w.d.TaskRuns().Written(p.before, p.after)
		w.sync(p.before.Name) // the reconcile waits for the cache
	default:
		failed()
	}
	w.writes = slices.Delete(w.writes, at, at+1)
}

// pass lets time pass. The API server ends its requests after a minute.
func (w *world) pass(d time.Duration) {
	w.clock.SetTime(w.clock.Now().Add(d))
	for i, p := range slices.Backward(w.writes) {
		if p.answered && w.clock.Since(p.begun) > time.Minute {
			w.answer(i, 1+w.r.IntN(2))
		}
	}
}

// work does one thing for one run, and reports whether there was one.
func (w *world) work() bool {
	uids := w.d.backlog.uids()
	if len(uids) == 0 {
		return false
	}
	slices.Sort(uids)
	uid := uids[w.r.IntN(len(uids))]
	_, _ = w.d.proceed(w.t.Context(), uid) // it is tried again
	if w.d.backlog.refill() {
		_ = w.d.resumeAll(w.t.Context()) // the cache of this test has no errors
	}
	return true
}

// end ends the controller in order, or kills it.
func (w *world) end(orderly bool) {
	current := &mark.Current{}
	if w.r.IntN(2) == 0 {
		_ = LoadMark(w.t.Context(), w, "installation", current) // the next one is a standby replica
	}
	before, bad := w.failures, w.bad
	if w.r.IntN(2) == 0 {
		w.bad = 0 // the next controller can have errors that this one did not have
	}
	if orderly {
		left := w.d.unrecorded(w.t.Context()) // as flush, but in an order that the seed decides
		slices.SortFunc(left, func(a, b entry) int { return strings.Compare(string(a.ref.UID), string(b.ref.UID)) })
		for _, e := range left {
			_ = w.d.record(w.t.Context(), e) // w.failures has the error
		}
	}
	w.orderly[w.process], w.bad = orderly && w.failures == before, bad
	w.notef("process %d ends, orderly %v", w.process, w.orderly[w.process])
	for _, p := range w.writes {
		if p.process == w.process {
			p.answered = true
		}
	}
	w.pass(time.Second) // a new process needs as long, and takes another epoch
	w.begin(current)
	w.d.advance(w.t.Context())
}

// step does one thing.
func (w *world) step() {
	names := slices.Sorted(maps.Keys(w.runs))
	switch w.r.IntN(40) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		w.compose()
	case 8, 9, 10, 11, 12, 13, 14, 15:
		if len(w.writes) > 0 {
			w.answer(w.r.IntN(len(w.writes)), w.r.IntN(10))
		}
	case 16, 17, 18, 19, 20, 21, 22, 23:
		w.work()
	case 24, 25:
		w.sync(fmt.Sprintf("run-%d", w.r.IntN(8)))
	case 26, 27, 28, 29:
		w.pass(time.Duration(w.r.IntN(20)) * time.Second)
		w.d.advance(w.t.Context())
	case 30:
		w.pass(time.Duration(w.r.IntN(60)) * time.Second)
	case 31, 32:
		_ = w.d.resumeAll(w.t.Context()) // the cache of this test has no errors
	case 33, 34:
		uid := types.UID(fmt.Sprintf("run-%d", w.r.IntN(8)))
		w.refused[uid] = !w.refused[uid]
	case 35:
		w.end(false)
	case 36:
		w.end(true)
	case 37:
		if len(names) > 0 && w.r.IntN(4) == 0 {
			name := names[w.r.IntN(len(names))]
			delete(w.runs, name)
			w.notef("%s is deleted", name)
		}
	case 38:
		w.bad = []int{0, 0, 20, 60}[w.r.IntN(4)]
	case 39:
		w.changeMark()
	}
}

// changeMark sometimes deletes the mark, or creates it again.
func (w *world) changeMark() {
	if w.r.IntN(8) > 0 {
		return
	}
	w.lost = true
	if w.settings = nil; w.r.IntN(2) == 0 {
		w.settings = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: mark.Name, ResourceVersion: w.version()}}
	}
	w.notef("the mark is lost, and created again: %v", w.settings != nil)
}

// finish lets everything end without further errors.
func (w *world) finish() {
	w.bad = 0
	clear(w.refused)
	for len(w.writes) > 0 {
		w.answer(0, 1+w.r.IntN(9))
	}
	for n := 0; n < 12 && (n < 2 || w.d.backlog.size()+w.d.batches.size() > 0); n++ { // the queue is small
		for name := range maps.Clone(w.cached) {
			w.sync(name)
		}
		if err := w.d.resumeAll(w.t.Context()); err != nil {
			w.failf("%v", err)
		}
		for n := 0; n < 40 && w.work(); n++ { // events, and runs that continue and have nothing to do
		}
		w.pass(markPatience + time.Second)
		w.d.advance(w.t.Context())
	}
	for uid, m := range w.d.batches.members {
		w.failf("%s stays in its batch: %+v", uid, *m)
	}
}

// check reports an event that was not sent.
func (w *world) check() {
	for _, tr := range w.runs {
		for number := range parse(tr.Status.Annotations[v1.AnnotationEvents]).last {
			if id := fmt.Sprintf("%s-%d", tr.UID, number+1); len(w.accepted[id]) == 0 {
				w.failf("%s was not sent; the record is %q", id, tr.Status.Annotations[v1.AnnotationEvents])
			}
		}
	}
}

// TestNoScheduleLosesOrRepeatsEvents: whatever happens in which order, no event of a run that exists is lost. Only those of a controller
// that was killed are sent twice, with the same identifier. Runs leave their batches.
func TestNoScheduleLosesOrRepeatsEvents(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text, ok := os.LookupEnv("SEED"); ok {
		given, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SEED=%q is not a number", text)
		}
		seed = given
	}
	const schedules = 10_000
	sent, repeated, patches, marks := 0, 0, 0, 0
	for schedule := range uint64(schedules) {
		if text, ok := os.LookupEnv("SCHEDULE"); ok {
			schedule, _ = strconv.ParseUint(text, 10, 64)
		}
		w := newWorld(t, seed, schedule, 8)
		w.notef("SEED=%d, schedule %d", seed, schedule)
		if w.r.IntN(10) > 0 {
			w.d.advance(t.Context())
		}
		for range 40 + w.r.IntN(120) {
			w.step()
		}
		w.finish()
		w.check()
		w.end(true)
		w.finish()
		w.check()
		for _, all := range w.accepted {
			sent++
			repeated += len(all) - 1
		}
		patches += w.patches
		marks += w.marks
	}
	t.Logf("SEED=%d: %d events, of which %d were sent again; %d records, %d marks", seed, sent, repeated, patches, marks)
}
