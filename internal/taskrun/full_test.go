package taskrun

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	limits "github.com/sluice-ci/sluice/internal/results"
)

// TestFullObject: no status has room in the object of a run. Its pod is stopped, or not made; an event says so, each pass is
// counted, and passes ask the API server for nothing else.
func TestFullObject(t *testing.T) {
	// stops is what stops a pod, once.
	const stops = "patch *v1.Pod"
	cases := map[string]struct {
		reason string
		// before is what has happened when a user fills the object.
		before func(*testing.T, *world)
		// stopped says that there is a pod then, which is stopped.
		stopped bool
	}{
		"FromTheBeginning": {
			reason: "It was made so.",
			before: func(*testing.T, *world) {},
		},
		"WithPod": {
			reason: "Its steps run.",
			before: func(t *testing.T, w *world) {
				t.Helper()
				w.pass(t)
				w.play(t, corev1.PodRunning, running(), running())
				w.pass(t)
			},
			stopped: true,
		},
		"WithUnrecordedPod": {
			reason: "The pass that made its pod could not write the status.",
			before: func(t *testing.T, w *world) {
				t.Helper()
				tr := w.pass(t)
				tr.Status = v1.TaskRunStatus{}
				if err := w.client.Status().Update(t.Context(), tr); err != nil {
					t.Fatal(err)
				}
				w.play(t, corev1.PodRunning, running(), running())
			},
			stopped: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLimited()
			w := newWorld(t, []client.Object{taskRun()}, l.funcs())
			_, sum := w.counting(t)
			tc.before(t, w)
			fill(t, w)
			written, requests := l.Writes, sumOf(w.requests)
			const passes = 5
			for range passes {
				_, err := w.Reconcile(context.Background(), ctrl.Request{NamespacedName: keyOf(taskRun())})
				if err == nil || !strings.Contains(err.Error(), "delete it") {
					t.Fatalf("%s\nwant an error that says what to do, got %v", tc.reason, err)
				}
			}
			pods := w.pods(t)
			if want := map[bool]int{true: 1, false: 0}[tc.stopped]; len(pods) != want {
				t.Fatalf("%s\nwant %d pods, got %d", tc.reason, want, len(pods))
			}
			if tc.stopped && !stopped(&pods[0]) {
				t.Errorf("%s\nthe pod runs on", tc.reason)
			}
			if l.Writes != written {
				t.Errorf("%s\nwant no status sent that cannot be stored, got %d", tc.reason, l.Writes-written)
			}
			if w.requests[stops] > 1 || sumOf(w.requests)-requests > passes+1 {
				t.Errorf("%s\nwant the pod stopped once and at most one read in a pass, got %v", tc.reason, w.requests)
			}
			if got := sum()["sluice_status_writes_total taskrun full"]; got != passes {
				t.Errorf("%s\nwant each of %d passes counted, got %v", tc.reason, passes, got)
			}
			if !reports(w, v1.TaskRunReasonStatusRefused) {
				t.Errorf("%s\nwant an event", tc.reason)
			}
		})
	}
}

// fill makes the object of the run so large that no status has room in it.
func fill(t *testing.T, w *world) {
	t.Helper()
	tr := &v1.TaskRun{}
	if err := w.client.Get(t.Context(), keyOf(taskRun()), tr); err != nil {
		t.Fatal(err)
	}
	tr.Annotations = map[string]string{"note": strings.Repeat("x", limits.ObjectLimit)}
	if err := w.client.Update(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
}

func sumOf(counts map[string]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// reports drains the events of a world, and reports whether one has the reason.
func reports(w *world, reason string) bool {
	recorder, _ := w.deps.Recorder.(*events.FakeRecorder)
	found := false
	for range len(recorder.Events) {
		found = strings.Contains(<-recorder.Events, reason) || found
	}
	return found
}
