package taskrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// eventLists is an API server that answers lists of events, and counts them.
type eventLists struct {
	client.Reader
	events []corev1.Event
	err    error
	lists  int
	// largest is the largest page that was asked for.
	largest int64
	// during is called by each list.
	during func()
}

func (l *eventLists) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	l.lists++
	var o client.ListOptions
	o.ApplyOptions(opts)
	l.largest = max(l.largest, o.Limit)
	if l.during != nil {
		l.during()
	}
	if l.err != nil {
		return l.err
	}
	from := 0
	if o.Continue != "" {
		if _, err := fmt.Sscan(o.Continue, &from); err != nil {
			return err
		}
	}
	list := into.(*corev1.EventList)
	to := min(from+int(o.Limit), len(l.events))
	list.Items = l.events[from:to]
	if to < len(l.events) {
		list.Continue = fmt.Sprint(to)
	}
	return nil
}

// TestEventsAreReadSeldom: the events of a pod are read when the pod is late, and less and less often.
func TestEventsAreReadSeldom(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(epoch())
	l := &eventLists{events: []corev1.Event{*kubeletEvent("a", "FailedMount", mountFailed, time.Second)}}
	e := newPodEvents(l, clock)
	key := types.NamespacedName{Namespace: "ci", Name: "build"}
	if w := e.Warnings(t.Context(), key, unprepared()); l.lists != 0 || w.Next != epoch().Add(sandboxPatience) {
		t.Errorf("a pod that is not late: %d lists, the next at %s", l.lists, w.Next)
	}
	for hour := epoch().Add(time.Hour); clock.Now().Before(hour); clock.SetTime(clock.Now().Add(time.Second)) {
		for range 3 { // however often the run is looked at
			if w := e.Warnings(t.Context(), key, unprepared()); w.Latest == nil && !clock.Now().Before(epoch().Add(sandboxPatience)) {
				t.Fatalf("after %s nothing is known", clock.Now().Sub(epoch()))
			}
		}
	}
	if least, most := 10, 20; l.lists < least || l.lists > most {
		t.Errorf("want %d to %d lists in an hour, got %d", least, most, l.lists)
	}
	before := l.lists
	ready := unprepared()
	ready.Status.Phase = corev1.PodRunning
	if w := e.Warnings(t.Context(), key, ready); w.Latest != nil || !w.Next.IsZero() || len(e.known) != 0 || l.lists != before {
		t.Errorf("a pod that has started: %+v, %d known, %d more lists", w, len(e.known), l.lists-before)
	}
}

// TestEventsOfManyPods: however many pods do not start, their events are read at a bounded rate, and no run is forgotten.
func TestEventsOfManyPods(t *testing.T) {
	const pods = 500
	clock := testingclock.NewFakePassiveClock(epoch().Add(time.Minute))
	l := &eventLists{events: []corev1.Event{*kubeletEvent("a", "FailedMount", mountFailed, time.Second)}}
	e := newPodEvents(l, clock)
	known := 0
	for second := range 600 {
		known = 0
		for i := range pods {
			w := e.Warnings(t.Context(), types.NamespacedName{Namespace: "ci", Name: fmt.Sprint(i)}, unprepared())
			if w.Latest != nil {
				known++
			}
			if !w.Next.After(clock.Now()) {
				t.Fatalf("nothing wakes the run of pod %d", i)
			}
		}
		if most := eventsAtOnce + eventsPerSecond*second; l.lists > most {
			t.Fatalf("after %d s: %d lists, at most %d are allowed", second, l.lists, most)
		}
		clock.SetTime(clock.Now().Add(time.Second))
	}
	if known < pods/2 {
		t.Errorf("after ten minutes the events of %d pods of %d are known", known, pods)
	}
}

// TestEventsHoldAConstant: a tenant can make events of any number and size, and the controller holds some at a time.
func TestEventsHoldAConstant(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(epoch().Add(time.Minute))
	l := &eventLists{}
	for i := range 10_000 {
		l.events = append(l.events, *kubeletEvent(fmt.Sprint(i), "FailedMount", strings.Repeat("x", 2000), time.Second))
	}
	e := newPodEvents(l, clock)
	w := e.Warnings(t.Context(), types.NamespacedName{Namespace: "ci", Name: "build"}, unprepared())
	if l.lists != eventsPages || l.largest != eventsPage {
		t.Errorf("%d lists of at most %d, want %d of %d", l.lists, l.largest, eventsPages, eventsPage)
	}
	if w.Latest == nil || len(w.Latest.Message) > 1100 {
		t.Errorf("want a short message, got %+v", w.Latest)
	}
}

// TestEventsAreReadOneAtATime: a read that takes long does not hold up the passes of other runs.
func TestEventsAreReadOneAtATime(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(epoch().Add(time.Minute))
	l := &eventLists{}
	e := newPodEvents(l, clock)
	var other Warnings
	l.during = func() {
		other = e.Warnings(t.Context(), types.NamespacedName{Namespace: "ci", Name: "other"}, unprepared())
	}
	e.Warnings(t.Context(), types.NamespacedName{Namespace: "ci", Name: "build"}, unprepared())
	if l.lists != 1 || other.Next != clock.Now().Add(busyEventsPause) {
		t.Errorf("%d lists, the other run is looked at again at %s", l.lists, other.Next)
	}
}

// TestEventsCannotBeRead: without the right to list events, or an answer, a run continues as without them, and what was known stays.
func TestEventsCannotBeRead(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(epoch().Add(time.Minute))
	l := &eventLists{err: errors.New("forbidden")}
	e := newPodEvents(l, clock)
	key := types.NamespacedName{Namespace: "ci", Name: "build"}
	w := e.Warnings(t.Context(), key, unprepared())
	if w.Latest != nil || w.Next != clock.Now().Add(firstEventsPause) {
		t.Errorf("nothing is known: %+v", w)
	}
	l.err, l.events = nil, []corev1.Event{*kubeletEvent("a", "FailedMount", mountFailed, time.Second)}
	clock.SetTime(w.Next)
	if w = e.Warnings(t.Context(), key, unprepared()); w.Latest == nil {
		t.Fatal("the events can be read again")
	}
	l.err = errors.New("unavailable")
	clock.SetTime(w.Next)
	if w = e.Warnings(t.Context(), key, unprepared()); w.Latest == nil || !w.Next.After(clock.Now()) {
		t.Errorf("what was known stays: %+v", w)
	}
	recreated := unprepared()
	recreated.UID = "another"
	clock.SetTime(w.Next)
	if w = e.Warnings(t.Context(), key, recreated); w.Latest != nil {
		t.Errorf("what was known is about another pod: %+v", w)
	}
}

// TestPodWithoutSandboxEndsItsRun: the run says at once what the kubelet says, ends when that is final, and its pod is stopped.
func TestPodWithoutSandboxEndsItsRun(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
	w.pass(t)
	p := w.pod(t)
	p.UID, p.Spec.NodeName = "pod-uid", "node-1"
	if err := w.client.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.Status = unprepared().Status
	if err := w.client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	killed := func(name string, after time.Duration) {
		e := kubeletEvent(name, "FailedCreatePodSandBox", sandboxKilled, after)
		e.InvolvedObject.UID = w.pod(t).UID
		if err := w.client.Create(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	killed("a", 2*time.Second)
	w.clock.SetTime(epoch().Add(sandboxPatience))
	if c := w.pass(t).Status.Condition(); c.Reason != v1.TaskRunReasonPending || !strings.Contains(c.Message, "OOM-killed") {
		t.Errorf("want the kubelet's words, got %+v", c)
	}
	killed("b", sandboxPatience+2*time.Second)
	killed("c", sandboxPatience+14*time.Second)
	w.clock.SetTime(epoch().Add(sandboxPatience + firstEventsPause))
	tr := w.pass(t)
	wantCondition(t, tr, "False Failed", "OOM-killed")
	if !stopped(w.pod(t)) {
		t.Error("want the pod stopped")
	}
	w.pass(t)
	if len(w.events.known) != 0 {
		t.Errorf("want nothing kept of a run that has ended, got %v", w.events.known)
	}
}
