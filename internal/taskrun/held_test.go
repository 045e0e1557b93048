package taskrun

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// change changes the run as its user does.
func (w *world) change(t *testing.T, change func(*v1.TaskRun)) {
	t.Helper()
	tr := w.get(t)
	change(tr)
	if err := w.client.Update(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
}

func heldBack(tr *v1.TaskRun) { tr.Spec.Status = v1.TaskRunSpecStatusPending }

// TestHeldRunWaits: a run that its user holds has no pod and no start until the user lets it go. The time before is not its own.
func TestHeldRunWaits(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(heldBack)}, interceptor.Funcs{})
	for range 2 {
		tr := w.pass(t)
		wantCondition(t, tr, "Unknown TaskRunPending")
		if tr.Status.StartTime != nil || tr.Status.PodName != "" || len(w.pods(t)) != 0 || tr.Status.Begun() {
			t.Fatalf("want nothing started, got start %v, pod %q, %d pods", tr.Status.StartTime, tr.Status.PodName, len(w.pods(t)))
		}
		w.clock.SetTime(epoch().Add(24 * time.Hour))
	}
	if w.patches != 1 {
		t.Errorf("want one write of the status, got %d", w.patches)
	}
	w.change(t, func(tr *v1.TaskRun) { tr.Spec.Status = "" })
	tr := w.pass(t)
	wantCondition(t, tr, "Unknown Pending")
	if !tr.Status.StartTime.Time.Equal(epoch().Add(24*time.Hour)) || len(w.pods(t)) != 1 {
		t.Errorf("want the run started now, with a pod, got %v, %d pods", tr.Status.StartTime, len(w.pods(t)))
	}
}

// TestHeldRunCanBeCancelled: a run can end before it starts.
func TestHeldRunCanBeCancelled(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(heldBack)}, interceptor.Funcs{})
	w.pass(t)
	w.change(t, cancelled)
	wantCondition(t, w.pass(t), "False TaskRunCancelled")
}

// TestStartedRunIsNotHeld: a run with a pod continues, even if the pod is not in the status yet.
func TestStartedRunIsNotHeld(t *testing.T) {
	pod := runPod(corev1.PodRunning, running(), running())
	w := newWorld(t, []client.Object{taskRun(heldBack), pod}, interceptor.Funcs{})
	wantCondition(t, w.pass(t), "Unknown Running")
}
