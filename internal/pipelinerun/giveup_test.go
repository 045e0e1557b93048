package pipelinerun

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// panics makes a pass, and returns what it panicked with.
func (c *cluster) panics(t *testing.T, pr *v1.PipelineRun) (result ctrl.Result, value any) {
	t.Helper()
	defer func() { value = recover() }()
	result, err := c.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(pr)})
	if err != nil {
		t.Fatal(err)
	}
	return result, nil
}

// TestPanicIsToldOnTheRun: a bug in the controller that one run triggers is reported on that run. After some tries the run
// fails and cancels what it has started. Other runs are not affected.
func TestPanicIsToldOnTheRun(t *testing.T) {
	bad := run(plain("one"), plain("two", "one"))
	good := run(plain("one"))
	good.Name, good.UID = "good", "good-uid"
	broken := false
	funcs := interceptor.Funcs{
		Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if broken && metav1.GetControllerOf(o).UID == bad.UID {
				panic(fmt.Sprintf("cannot make %v", o)) // in a goroutine, where there is more than one
			}
			return under.Create(ctx, o, opts...)
		},
	}
	c := newCluster(t, funcs, bad, good)
	bad = c.settle(t, bad)
	c.end(t, bad, "one", done())
	broken = true
	for n := 1; n <= reconcile.PanicTries; n++ {
		if _, value := c.panics(t, bad); value == nil {
			t.Fatalf("pass %d: want it to panic, for the controller-runtime to log and count", n)
		}
		bad = get(t, c, client.ObjectKeyFromObject(bad), &v1.PipelineRun{})
		condition := bad.Status.Condition()
		want := metav1.ConditionUnknown
		if n == reconcile.PanicTries {
			want = metav1.ConditionFalse
		}
		if condition.Status != want || condition.Reason != v1.PipelineRunReasonInternalError {
			t.Fatalf("after %d panics: want %s with InternalError, got %+v", n, want, condition)
		}
		rest := time.Second << (n - 1)
		before := c.total()
		result, value := c.panics(t, bad)
		if n < reconcile.PanicTries && (value != nil || result.RequeueAfter != rest || c.total() != before) {
			t.Errorf("after %d panics: want nothing done for %v, got %v, %v", n, rest, result.RequeueAfter, value)
		}
		c.clock.SetTime(c.clock.Now().Add(rest))
	}
	c.pass(t, good)
	if got := c.child(t, good, "one", -1); got.Spec.Status != "" {
		t.Errorf("want the other run's task started, got %+v", got.Spec)
	}
	if strings.Contains(bad.Status.Condition().Message, "cannot make") {
		t.Errorf("want no data in the message, got %q", bad.Status.Condition().Message)
	}
	var told []string
	for len(c.recorder.Events) > 0 {
		if event := <-c.recorder.Events; strings.Contains(event, v1.PipelineRunReasonInternalError) {
			told = append(told, event)
		}
	}
	if len(told) != reconcile.PanicTries {
		t.Errorf("want an event for each panic, got %q", told)
	}
}

// TestGivenUpRunEndsItsTasks: a run that is given up cancels its running TaskRuns, and leaves ended ones unchanged.
func TestGivenUpRunEndsItsTasks(t *testing.T) {
	pr := run(plain("done"), plain("under-way"))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "done", done())
	if err := c.reconciler.loop.ReportPanic(t.Context(), pr, reconcile.Panic{Count: reconcile.PanicTries, What: "x"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]v1.TaskRunSpecStatusMessage{}
	for _, task := range []string{"done", "under-way"} {
		got[task] = c.child(t, pr, task, -1).Spec.StatusMessage
	}
	if diff := cmp.Diff(map[string]v1.TaskRunSpecStatusMessage{"done": "", "under-way": v1.TaskRunGivenUpByPipelineRun}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ended := get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{})
	if ended.Status.CompletionTime == nil || !ended.Status.Done() {
		t.Errorf("want the run ended, got %+v", ended.Status.Condition())
	}
	if err := c.reconciler.loop.ReportPanic(t.Context(), ended, reconcile.Panic{Count: reconcile.PanicTries + 1}); err != nil ||
		ended.Status.Condition().Message != get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{}).Status.Condition().Message {
		t.Errorf("want the outcome to stand, got %v", err)
	}
}
