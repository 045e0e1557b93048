package taskrun

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// panics makes a pass over a run, and returns what it panicked with.
func (w *world) panics(t *testing.T, key client.ObjectKey) (result ctrl.Result, value any) {
	t.Helper()
	defer func() { value = recover() }()
	result, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
	if err != nil {
		t.Fatal(err)
	}
	return result, nil
}

// TestPanicIsToldOnTheRun: a bug in the controller that one run triggers is reported on that run. After some tries the run
// fails and its pod is stopped. Other runs are not affected.
func TestPanicIsToldOnTheRun(t *testing.T) {
	bad := taskRun(started, func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec, tr.Spec.TaskRef, tr.Spec.Retries = nil, &v1.TaskRef{Name: "odd"}, 3
	})
	good := taskRun(func(tr *v1.TaskRun) { tr.Name, tr.UID = "good", "good-uid" })
	p := runPod(corev1.PodRunning, running(), running())
	w := newWorld(t, []client.Object{bad, good, p}, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, isTask := o.(*v1.Task); isTask {
				(&v1.Task{}).Labels["password"] = "hunter2"
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	for n := 1; n <= reconcile.PanicTries; n++ {
		if _, value := w.panics(t, client.ObjectKeyFromObject(bad)); value == nil {
			t.Fatalf("pass %d: want it to panic, for the controller-runtime to log and count", n)
		}
		got, want := fetch(t, w, bad, &v1.TaskRun{}), "Unknown InternalError"
		if n == reconcile.PanicTries {
			want = "False InternalError"
		}
		if reason(got) != want || (got.Status.CompletionTime != nil) != (n == reconcile.PanicTries) {
			t.Fatalf("after %d panics: want %s, got %+v", n, want, got.Status.Condition())
		}
		if message := got.Status.Condition().Message; !strings.Contains(message, "nil map") {
			t.Errorf("want what happened, got %q", message)
		}
		rest := time.Second << (n - 1)
		if result, value := w.panics(t, client.ObjectKeyFromObject(bad)); value != nil || result.RequeueAfter != rest {
			t.Errorf("after %d panics: want nothing done for %v, got %v, %v", n, rest, result.RequeueAfter, value)
		}
		w.clock.SetTime(w.clock.Now().Add(rest))
	}
	if fetch(t, w, p, &corev1.Pod{}).Spec.ActiveDeadlineSeconds == nil {
		t.Error("want the pod of the run that was given up stopped")
	}
	if _, value := w.panics(t, client.ObjectKeyFromObject(bad)); value != nil ||
		reason(fetch(t, w, bad, &v1.TaskRun{})) != "False InternalError" {
		t.Errorf("want the outcome to stand, got %v", value)
	}
	if result, value := w.panics(t, client.ObjectKeyFromObject(good)); value != nil || result.RequeueAfter == 0 {
		t.Errorf("want the other run on its way, got %v, %v", result, value)
	}
}

// fetch reads an object as it is now.
func fetch[T client.Object](t *testing.T, w *world, of, into T) T {
	t.Helper()
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(of), into); err != nil {
		t.Fatal(err)
	}
	return into
}
