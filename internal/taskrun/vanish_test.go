package taskrun

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// eventIndexes adds the fields of events by which the controller selects them.
func eventIndexes(b *fake.ClientBuilder) *fake.ClientBuilder {
	for name, field := range map[string]func(e *corev1.Event) string{
		"involvedObject.uid": func(e *corev1.Event) string { return string(e.InvolvedObject.UID) },
		"type":               func(e *corev1.Event) string { return e.Type },
	} {
		b = b.WithIndex(&corev1.Event{}, name, func(o client.Object) []string { return []string{field(o.(*corev1.Event))} })
	}
	return b
}

// removePod deletes the pod of the run, as another component does. The watch reports its last state, which has these changes.
func (w *world) removePod(t *testing.T, changes ...func(p *corev1.Pod)) {
	t.Helper()
	last := w.pod(t)
	if err := w.client.Delete(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	for _, change := range changes {
		change(last)
	}
	w.gone.note(last, true)
}

// report stores a change of the status of the pod, as its kubelet does.
func (w *world) report(t *testing.T, change func(p *corev1.Pod)) {
	t.Helper()
	p := w.pod(t)
	change(p)
	if err := w.client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// vanishCase is what happens to a pod that is removed.
type vanishCase struct {
	reason string
	change func(t *testing.T, w *world)
}

// creating are the states of containers that a node creates.
func creating() []corev1.ContainerState {
	return []corev1.ContainerState{waiting("ContainerCreating"), waiting("ContainerCreating")}
}

// provenCases are pods of which it is proven that no step has run.
func provenCases() map[string]vanishCase {
	return map[string]vanishCase{
		"Unscheduled": {
			reason: "no node has the pod",
			change: func(t *testing.T, w *world) { t.Helper(); w.removePod(t) },
		},
		"EndedByNode": {
			reason: "the node has ended the pod while it pulled the images of the steps",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.play(t, corev1.PodPending, creating()...)
				w.pass(t)
				w.play(t, corev1.PodFailed, unlocated()...)
				w.removePod(t)
			},
		},
		"Evicted": {
			reason: "the kubelet has evicted the pod before it had created a container of a step; the controller deletes it",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.play(t, corev1.PodFailed, unlocated()...)
				w.report(t, func(p *corev1.Pod) { p.Status.Reason = reasonEvicted })
				last := w.pod(t)
				if got := reason(w.pass(t)); got != "Unknown Pending" || len(w.pods(t)) != 0 {
					t.Fatalf("want the run to delete the evicted pod, got %s", got)
				}
				last.DeletionTimestamp, last.Generation = new(metav1.NewTime(epoch())), last.Generation+1 // as the API server does
				w.gone.note(last, true)
			},
		},
		"ReportedLate": {
			reason: "the watch reports the deletion after a reconcile has missed the pod",
			change: func(t *testing.T, w *world) {
				t.Helper()
				last := w.pod(t)
				if err := w.client.Delete(t.Context(), last); err != nil {
					t.Fatal(err)
				}
				w.passLater(t, 0)
				if got := reason(w.passLater(t, deletionPatience-time.Second)); got != "Unknown Pending" {
					t.Fatalf("want the run to wait for the report, got %s", got)
				}
				w.gone.note(last, true)
			},
		},
	}
}

// unprovenCases are pods of which a step may have run.
func unprovenCases() map[string]vanishCase {
	garbage := func(late bool) vanishCase {
		return vanishCase{
			reason: "the node is gone, and has not said what became of the pod",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.play(t, corev1.PodPending, creating()...)
				w.report(t, func(p *corev1.Pod) {
					p.Status.Phase = corev1.PodFailed
					p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
						Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reasonPodGC,
					})
				})
				if late {
					w.pass(t)
				}
				w.removePod(t)
			},
		}
	}
	return map[string]vanishCase{
		"Pulling": {
			reason: "the node had the pod, and may have started a step since its last report",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.play(t, corev1.PodPending, creating()...)
				w.pass(t)
				w.removePod(t)
			},
		},
		"EndedByGarbageCollector": garbage(false),
		"MarkedAsGarbage":         garbage(true),
		"WatchInterrupted": {
			reason: "the pod was deleted while the watch was interrupted, so its last state is unknown",
			change: func(t *testing.T, w *world) {
				t.Helper()
				last := w.pod(t)
				w.removePod(t)
				w.gone.note(last, false)
			},
		},
		"ControllerAway": {
			reason: "the pod was deleted while no controller ran, so nothing reports its last state",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.removePod(t)
				w.restart()
				if got := reason(w.pass(t)); got != "Unknown Pending" {
					t.Fatalf("want the run to wait for a report, got %s", got)
				}
				w.clock.SetTime(w.clock.Now().Add(deletionPatience))
			},
		},
		"StepRuns": {
			reason: "one step runs, and the other is being started",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.play(t, corev1.PodPending, running(), waiting("ContainerCreating"))
				w.pass(t)
				w.removePod(t)
			},
		},
		"AllRun": {
			reason: "the steps run",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.play(t, corev1.PodRunning, running(), running())
				w.pass(t)
				w.removePod(t)
			},
		},
	}
}

// passLater reconciles the run after some more time.
func (w *world) passLater(t *testing.T, after time.Duration) *v1.TaskRun {
	t.Helper()
	w.clock.SetTime(w.clock.Now().Add(after))
	return w.pass(t)
}

// TestPodIsMadeAgain: a pod that is removed is made again if its last state proves that no step of it has run.
func TestPodIsMadeAgain(t *testing.T) {
	for name, tc := range provenCases() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
			w.pass(t)
			first := w.pod(t).UID
			tc.change(t, w)
			tr := w.pass(t)
			if tr.Status.PodName != "" || tr.Annotations[v1.AnnotationPodsRemade] != "0/1" {
				t.Fatalf("%s: want the removed pod forgotten and counted, got %q, %v: %+v",
					tc.reason, tr.Status.PodName, tr.Annotations, tr.Status.Condition())
			}
			w.restart()
			if tr = w.pass(t); tr.Status.PodName != "build-pod" || len(w.pods(t)) != 1 {
				t.Fatalf("%s: want the pod made again, got %+v", tc.reason, tr.Status.Condition())
			}
			if p := w.pod(t); first != "" && p.UID == first {
				t.Errorf("%s: want another pod", tc.reason)
			}
			w.play(t, corev1.PodSucceeded, terminated(0, record(0, value("digest", "", "d"))), terminated(0, record(0)))
			if tr = w.pass(t); reason(tr) != "True Succeeded" || len(tr.Status.Results) != 1 {
				t.Errorf("%s: want a green run with its result, got %+v", tc.reason, tr.Status)
			}
		})
	}
}

// TestPodMayHaveRun: no step runs twice. That no start was reported is no proof: a node reports it later than it happens.
func TestPodMayHaveRun(t *testing.T) {
	for name, tc := range unprovenCases() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
			w.pass(t)
			tc.change(t, w)
			tr := w.pass(t)
			if got := reason(tr); got != "False PodDeleted" || len(w.pods(t)) != 0 {
				t.Errorf("%s: want PodDeleted and no other pod, got %s: %s, and %d pods",
					tc.reason, got, tr.Status.Condition().Message, len(w.pods(t)))
			}
		})
	}
}

// TestReportIsOfOnePod: what was reported of a pod proves nothing about another one with its name.
func TestReportIsOfOnePod(t *testing.T) {
	cases := map[string]vanishCase{
		"NextPod": {
			reason: "the controller has created another pod",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.removePod(t)
				w.pass(t)
				w.pass(t)
			},
		},
		"OutOfSight": {
			reason: "the watch reports a pod that lost its label like a deleted one",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.gone.note(w.pod(t), true)
				w.play(t, corev1.PodPending, creating()...)
				w.pass(t)
			},
		},
		"Finished": {
			reason: "an earlier pod with this name was removed, and this one has ended",
			change: func(t *testing.T, w *world) {
				t.Helper()
				w.gone.note(w.pod(t), true)
				w.gone.note(runPod(corev1.PodFailed, running(), running()), true)
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
			w.pass(t)
			tc.change(t, w)
			if err := w.client.Delete(t.Context(), w.pod(t)); err != nil { // and nothing reports it
				t.Fatal(err)
			}
			w.passLater(t, time.Second)
			if got := reason(w.passLater(t, deletionPatience)); got != "False PodDeleted" || len(w.pods(t)) != 0 {
				t.Errorf("%s: want no further pod, got %s", tc.reason, got)
			}
		})
	}
}

// TestUnrecordedPodMayHaveRun: the API server reports the deletion of a pod whose creation could not be recorded. The next one is made
// only if that pod has not run, and what was reported of a pod of another run counts for nothing.
func TestUnrecordedPodMayHaveRun(t *testing.T) {
	other := func(p *corev1.Pod) { p.OwnerReferences[0].UID = "another" }
	bound := func(p *corev1.Pod) { p.Spec.NodeName = "node-1" }
	cases := map[string]struct {
		reason string
		last   []func(p *corev1.Pod)
		want   string
	}{
		"Ran": {
			reason: "a node had the pod",
			last:   []func(p *corev1.Pod){bound},
			want:   "False PodDeleted",
		},
		"NeverRan": {
			reason: "no node had the pod",
			want:   "Unknown Pending",
		},
		"OfAnotherRun": {
			reason: "a run with this name was deleted",
			last:   []func(p *corev1.Pod){bound, other},
			want:   "Unknown Pending",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{})
			tr := w.pass(t)
			tr.Status = v1.TaskRunStatus{} // as if it had not been written
			if err := w.client.Status().Update(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
			w.removePod(t, tc.last...)
			if got := reason(w.pass(t)); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestPodIsMadeAgainSeldom: a pod that is always removed ends its run, and each attempt has its own count.
func TestPodIsMadeAgainSeldom(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(retries(1))}, interceptor.Funcs{})
	made := 0
	for range 100 {
		tr := w.pass(t)
		if tr.Status.Done() {
			if want := 2 * (1 + maxRemade); reason(tr) != "False PodDeleted" || made != want {
				t.Errorf("want PodDeleted after %d pods, got %s after %d", want, reason(tr), made)
			}
			return
		}
		for _, p := range w.pods(t) {
			made++
			if err := w.client.Delete(t.Context(), &p); err != nil {
				t.Fatal(err)
			}
			w.gone.note(&p, true)
		}
	}
	t.Errorf("the run has no end; %d pods were made", made)
}

// TestRemadeCount: what a user writes into the annotation makes no more pods than the limit for each write.
func TestRemadeCount(t *testing.T) {
	cases := map[string]struct {
		reason string
		note   string
		want   int
	}{
		"None":         {reason: "no pod was made again"},
		"Counted":      {reason: "the count of this attempt", note: "0/2", want: 2},
		"OtherAttempt": {reason: "the count of another attempt", note: "1/2"},
		"Negative":     {reason: "no count", note: "0/-5"},
		"NoNumber":     {reason: "no count", note: "0/x"},
		"NoSlash":      {reason: "no count", note: "2"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(func(tr *v1.TaskRun) { tr.Annotations = map[string]string{v1.AnnotationPodsRemade: tc.note} })
			if got := remade(tr); got != tc.want {
				t.Errorf("%s: want %d, got %d", tc.reason, tc.want, got)
			}
		})
	}
}
