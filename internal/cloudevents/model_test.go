package cloudevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
)

// errCut is the error of a request whose answer is lost.
var errCut = errors.New("the connection is closed")

// world is a cluster with one controller after the other, in which one thing happens at a time. It is the API server, too.
type world struct {
	client.Client // has no other methods than those below

	t     *testing.T
	r     *rand.Rand
	trace []string
	clock *clocktesting.FakePassiveClock

	runs     map[string]*v1.TaskRun
	settings *corev1.ConfigMap
	versions int
	// bad is how many of a hundred requests have an error. After half of them they were executed.
	bad int
	// failures counts these errors.
	failures int

	// writes are those of statuses that are under way, or that the API server still has.
	writes []*statusOnItsWay
	// refused are the runs whose events the sink refuses for now.
	refused map[types.UID]bool
	// accepted has the processes that have sent an event, by its identifier.
	accepted map[string][]int
	// orderly are the processes that have recorded everything at their end.
	orderly map[int]bool
	// lost reports that the mark was deleted: then events may be sent again.
	lost bool

	process int
	d       *Delivery
	cached  map[string]*v1.TaskRun
	trimmer *Trimmer
	// patches counts the writes of records, and marks those of the mark.
	patches, marks int
}

// statusOnItsWay is a write of a status.
type statusOnItsWay struct {
	before, after *v1.TaskRun
	process       int
	begun         time.Time
	// answered reports that the reconcile has an answer, although the API server may still execute the write.
	answered bool
}

func newWorld(t *testing.T, seed, schedule uint64, runs int) *world {
	t.Helper()
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, schedule)), clock: clocktesting.NewFakePassiveClock(time.Unix(1_764_500_000, 0)),
		runs: map[string]*v1.TaskRun{}, refused: map[types.UID]bool{}, accepted: map[string][]int{}, orderly: map[int]bool{},
		settings: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "installation", Name: mark.Name, ResourceVersion: "0"}},
	}
	for i := range runs {
		tr := run(fmt.Sprintf("run-%d", i))
		tr.UID, tr.ResourceVersion = types.UID(tr.Name), w.version()
		w.runs[tr.Name] = tr
	}
	w.begin()
	return w
}

func (w *world) version() string {
	w.versions++
	return strconv.Itoa(w.versions)
}

func (w *world) note(format string, a ...any) { w.trace = append(w.trace, fmt.Sprintf(format, a...)) }

// begin starts a controller. Its cache has what the API server has.
func (w *world) begin() {
	w.process++
	c := config.Default()
	c.Events.Sink = "http://sink.invalid"
	current := &mark.Current{}
	w.d = New(Options{
		Client: w, Live: w, Cache: cacheOf{w}, Config: config.NewStore(c), Recorder: &events.FakeRecorder{}, Clock: w.clock,
		Meter: &counts{all: map[string]int{}}, Log: logr.Discard(), Namespace: "installation", Sent: current,
	})
	w.d.sender = sender{&http.Client{Transport: w}}
	w.d.backlog.limit, w.d.batches.limit = 6, 4
	w.trimmer = NewTrimmer(current, w.clock.Now)
	if w.r.IntN(2) == 0 {
		_ = LoadMark(w.t.Context(), w, "installation", current) //nolint:errcheck // then nothing is trimmed
	}
	w.cached = map[string]*v1.TaskRun{}
	for name := range w.runs {
		w.sync(name)
	}
	w.note("process %d begins", w.process)
}

// sync shows the cache a run as it is.
func (w *world) sync(name string) {
	tr := w.runs[name]
	if tr == nil {
		delete(w.cached, name)
		return
	}
	w.cached[name] = tr.DeepCopy()
	if tr.Status.Done() {
		w.cached[name].Status.Annotations = w.trimmer.Trim(w.cached[name].Status.Annotations, tr.Status.CompletionTime)
	}
}

// cacheOf is the cache of the controller.
type cacheOf struct{ *world }

func (c cacheOf) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if all, ok := list.(*v1.TaskRunList); ok {
		for _, name := range slices.Sorted(maps.Keys(c.cached)) {
			all.Items = append(all.Items, *c.cached[name])
		}
	}
	return nil
}

// request makes some requests fail. Do is not called before half of these errors.
func (w *world) request(do func() error) error {
	if w.r.IntN(100) >= w.bad {
		return do()
	}
	w.failures++
	if w.r.IntN(2) == 0 {
		_ = do() //nolint:errcheck // its answer is lost
	}
	return errCut
}

func (w *world) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return w.request(func() error {
		switch typed := into.(type) {
		case *corev1.ConfigMap:
			if w.settings == nil {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
			}
			w.settings.DeepCopyInto(typed)
		case *v1.TaskRun:
			if w.runs[key.Name] == nil {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "taskruns"}, key.Name)
			}
			w.runs[key.Name].DeepCopyInto(typed)
		}
		return nil
	})
}

func (w *world) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	return w.request(func() error {
		cm := o.(*corev1.ConfigMap)
		if w.settings == nil {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, cm.Name)
		}
		if cm.ResourceVersion != w.settings.ResourceVersion {
			return apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, cm.Name, errors.New("changed"))
		}
		cm.ResourceVersion = w.version()
		w.settings = cm.DeepCopy()
		w.marks++
		w.note("mark %v", cm.Data)
		return nil
	})
}

func (w *world) Status() client.SubResourceWriter { return recordsOf{w: w} }

// recordsOf writes records.
type recordsOf struct {
	client.SubResourceWriter

	w *world
}

func (s recordsOf) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
	return s.w.request(func() error {
		tr := s.w.runs[o.GetName()]
		if tr == nil {
			return apierrors.NewNotFound(schema.GroupResource{Resource: "taskruns"}, o.GetName())
		}
		data, err := p.Data(o)
		if err != nil {
			return err
		}
		var all []struct{ Op, Path, Value string }
		if err := json.Unmarshal(data, &all); err != nil {
			return err
		}
		if all[0].Value != string(tr.UID) || all[1].Value != tr.Status.Annotations[v1.AnnotationEvents] {
			return refused(errors.New("testing failed"))
		}
		s.w.patches++
		s.w.store(tr, func(s *v1.TaskRunStatus) { s.Annotations = map[string]string{v1.AnnotationEvents: all[2].Value} })
		s.w.note("%s: own record %q", tr.Name, all[2].Value)
		return nil
	})
}

func (w *world) store(tr *v1.TaskRun, change func(*v1.TaskRunStatus)) {
	changed := tr.DeepCopy()
	change(&changed.Status)
	changed.ResourceVersion = w.version()
	w.runs[tr.Name] = changed
}

// RoundTrip is the sink.
func (w *world) RoundTrip(request *http.Request) (*http.Response, error) {
	id := request.Header.Get("Ce-Id")
	uid := types.UID(id[:strings.LastIndex(id, "-")])
	answer := &http.Response{StatusCode: http.StatusAccepted, Status: "202", Body: io.NopCloser(strings.NewReader(""))}
	if w.refused[uid] {
		answer.StatusCode = http.StatusServiceUnavailable
		return answer, nil
	}
	w.note("process %d sends %s", w.process, id)
	for _, earlier := range w.accepted[id] {
		if !w.lost && (earlier == w.process || w.orderly[earlier]) {
			w.fail("process %d sends %s again, after process %d", w.process, id, earlier)
		}
	}
	w.accepted[id] = append(w.accepted[id], w.process)
	return answer, nil
}

func (w *world) fail(format string, a ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, a...), strings.Join(w.trace, "\n"))
}

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
	w.note("process %d composes %s %q", w.process, before.Name, after.Status.Annotations[v1.AnnotationEvents])
}

// execute executes a write, and reports whether the API server has accepted it.
func (w *world) execute(p *statusOnItsWay) bool {
	tr := w.runs[p.before.Name]
	if tr == nil || tr.ResourceVersion != p.before.ResourceVersion {
		return false
	}
	w.store(tr, func(s *v1.TaskRunStatus) { *s = *p.after.Status.DeepCopy() })
	w.note("%s is stored: %q", tr.Name, p.after.Status.Annotations[v1.AnnotationEvents])
	return true
}

// answer answers a write, or ends one whose answer was lost.
func (w *world) answer(at int, how int) {
	p := w.writes[at]
	lives := p.process == w.process && !p.answered
	failed := func() {
		if lives {
			w.d.TaskRuns().Failed(p.before)
			w.note("process %d: %s has failed", w.process, p.before.Name)
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
	for i := len(w.writes) - 1; i >= 0; i-- {
		if w.writes[i].answered && w.clock.Since(w.writes[i].begun) > time.Minute {
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
	_, _ = w.d.proceed(w.t.Context(), uid) //nolint:errcheck // it is tried again
	if w.d.backlog.refill() {
		_ = w.d.resumeAll(w.t.Context()) //nolint:errcheck // the cache of this test has no errors
	}
	return true
}

// end ends the controller in order, or kills it.
func (w *world) end(orderly bool) {
	before := w.failures
	if orderly {
		left := w.d.unrecorded(w.t.Context()) // as flush, but in an order that the seed decides
		slices.SortFunc(left, func(a, b entry) int { return strings.Compare(string(a.ref.UID), string(b.ref.UID)) })
		for _, e := range left {
			_ = w.d.record(w.t.Context(), e) //nolint:errcheck // w.failures has the error
		}
	}
	w.orderly[w.process] = orderly && w.failures == before
	w.note("process %d ends, orderly %v", w.process, w.orderly[w.process])
	for _, p := range w.writes {
		if p.process == w.process {
			p.answered = true
		}
	}
	w.pass(time.Second) // a new process needs as long, and takes another epoch
	w.begin()
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
		_ = w.d.resumeAll(w.t.Context()) //nolint:errcheck // the cache of this test has no errors
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
			w.note("%s is deleted", name)
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
	w.note("the mark is lost, and created again: %v", w.settings != nil)
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
			w.fail("%v", err)
		}
		for n := 0; n < 40 && w.work(); n++ { // events, and runs that continue and have nothing to do
		}
		w.pass(markPatience + time.Second)
		w.d.advance(w.t.Context())
	}
	for uid, m := range w.d.batches.members {
		w.fail("%s stays in its batch: %+v", uid, *m)
	}
}

// check reports an event that was not sent.
func (w *world) check() {
	for _, tr := range w.runs {
		for number := range parse(tr.Status.Annotations[v1.AnnotationEvents]).last {
			if id := fmt.Sprintf("%s-%d", tr.UID, number+1); len(w.accepted[id]) == 0 {
				w.fail("%s was not sent; the record is %q", id, tr.Status.Annotations[v1.AnnotationEvents])
			}
		}
	}
}

// TestNoScheduleLosesOrRepeatsEvents: whatever happens in which order, no event of a run that exists is lost, and only those of a controller
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
		w.note("SEED=%d, schedule %d", seed, schedule)
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
