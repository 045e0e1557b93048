package taskrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	limits "github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/test/testutil/limited"
)

// limitedServer is an API server that stores no TaskRun of more than 1.5 MiB.
type limitedServer struct{ limited.Server[*v1.TaskRun] }

func newLimited() *limitedServer {
	return &limitedServer{limited.Server[*v1.TaskRun]{New: func() *v1.TaskRun { return &v1.TaskRun{} }}}
}

func (l *limitedServer) funcs() interceptor.Funcs {
	return interceptor.Funcs{SubResourcePatch: l.Patch}
}

// drawStatus draws a status that a reconcile could compute: of a running run, of each outcome, or of a next attempt.
func drawStatus(t *rapid.T) v1.TaskRunStatus {
	bytes := rapid.SampledFrom([]int{0, 1, 4096, 300_000, 800_000, 1_500_000})
	results := func(name string) []v1.TaskRunResult {
		n := bytes.Draw(t, name)
		if n == 0 {
			return nil
		}
		return []v1.TaskRunResult{{Name: name, Type: v1.TypeString, Value: v1.StringValue(strings.Repeat("r", n))}}
	}
	now := metav1.NewTime(epoch())
	status := v1.TaskRunStatus{StartTime: &now, PodName: "build-pod", Results: results("digest")}
	states := []corev1.ContainerState{running(), terminated(0, ""), {}}
	for _, name := range []string{"one", "two"} {
		status.Steps = append(status.Steps, v1.StepState{
			Name: name, Container: "step-" + name, Results: results("of-" + name), ContainerState: rapid.SampledFrom(states).Draw(t, "state"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "attempts") {
		status.RetriesStatus = append(status.RetriesStatus, v1.TaskRunAttempt{PodName: fmt.Sprint("pod", i), Results: results("earlier")})
	}
	if n := bytes.Draw(t, "spec"); n > 0 {
		status.TaskSpec = &v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: strings.Repeat("s", n)}}}
	}
	status.SetCondition(rapid.SampledFrom([]metav1.Condition{
		v1.Running(v1.TaskRunReasonRunning, "steps are running"),
		v1.Succeeded("All steps have completed"),
		v1.Failed(v1.TaskRunReasonCancelled, "cancelled"),
		v1.Failed(v1.TaskRunReasonTimedOut, "late"),
		v1.Running(v1.TaskRunReasonToBeRetried, "again"),
	}).Draw(t, "condition"), now)
	return status
}

// TestEveryStatusIsStored: whatever is in a status and in the object, and whatever the API server refuses, what is stored is
// within the limit, and is the status itself or the end of the run: without results, without a step that seems to run, and
// with the reason that it had.
func TestEveryStatusIsStored(t *testing.T) {
	type example struct {
		params, managed, refusals int
		status                    v1.TaskRunStatus
	}
	examples := rapid.Custom(func(t *rapid.T) example {
		return example{
			rapid.SampledFrom([]int{1, 1000, 700_000, 1_000_000}).Draw(t, "params"), rapid.SampledFrom([]int{0, 1000, 530_000}).Draw(t, "managed"),
			rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3}).Draw(t, "refusals"), drawStatus(t),
		}
	})
	const count = 40 // each has a megabyte, and is encoded at each write
	for seed := range count {
		drawn := examples.Example(seed)
		l := newLimited()
		l.Managed, l.Refusals, l.Cause = drawn.managed, drawn.refusals, limited.Invalid(v1.KindTaskRun, "build")
		tr := taskRun(func(tr *v1.TaskRun) {
			tr.Spec.Params = []v1.Param{{Name: "p", Value: v1.StringValue(strings.Repeat("p", drawn.params))}}
		})
		w := newWorld(t, []client.Object{tr}, l.funcs())
		if err := w.client.Get(t.Context(), keyOf(tr), tr); err != nil {
			t.Fatal(err)
		}
		tr.ManagedFields = l.Fields()
		Trim(tr)
		want := *drawn.status.DeepCopy()
		_, err := w.Reconciler.store(t.Context(), tr, nil, drawn.status)
		if err != nil { // as many refusals as one pass has writes; the next pass repeats it
			_, err = w.Reconciler.store(t.Context(), tr, nil, drawn.status)
		}
		if err != nil {
			t.Fatalf("example %d: %v", seed, err)
		}
		got := &v1.TaskRun{}
		if err := w.client.Get(t.Context(), keyOf(tr), got); err != nil {
			t.Fatal(err)
		}
		if l.Writes > 5+drawn.refusals || l.Largest > limits.ObjectLimit {
			t.Errorf("example %d: %d writes, the largest of %d bytes", seed, l.Writes, l.Largest)
		}
		checkStored(t, seed, want, got.Status)
	}
}

func checkStored(t *testing.T, seed int, want, got v1.TaskRunStatus) {
	t.Helper()
	was, is := want.Condition(), got.Condition()
	if is == nil {
		t.Fatalf("example %d: nothing was stored", seed)
	}
	if is.Reason == was.Reason && is.Message == was.Message {
		if len(got.Results) != len(want.Results) || len(got.Steps) != len(want.Steps) {
			t.Errorf("example %d: want the whole status stored", seed)
		}
		return
	}
	if is.Status != metav1.ConditionFalse || got.CompletionTime == nil || got.StartTime == nil {
		t.Errorf("example %d: want the end of the run, got %+v", seed, is)
	}
	if was.Status == metav1.ConditionFalse && is.Reason != was.Reason {
		t.Errorf("example %d: want the reason %s kept, got %s", seed, was.Reason, is.Reason)
	}
	if len(got.Results) > 0 {
		t.Errorf("example %d: a failed write keeps results", seed)
	}
	for _, s := range got.Steps {
		if len(s.Results) > 0 || s.Terminated == nil {
			t.Errorf("example %d: step %q has results, or seems to run: %+v", seed, s.Name, s.ContainerState)
		}
	}
}

// TestFitted: what does not fit is dropped whichever kind of result it is, is named, and is counted again; the reason of a run
// that has failed already stays.
func TestFitted(t *testing.T) {
	result := func(name string, bytes int) []v1.TaskRunResult {
		return []v1.TaskRunResult{{Name: name, Type: v1.TypeString, Value: v1.StringValue(strings.Repeat("x", bytes))}}
	}
	cases := map[string]struct {
		reason    string
		condition metav1.Condition
		results   []v1.TaskRunResult
		ofStep    []v1.TaskRunResult
		want      string
		words     string
	}{
		"OfStep": {
			reason:    "The results of steps take room as well.",
			condition: v1.Succeeded("ok"),
			results:   result("small", 1),
			ofStep:    result("r", 1_570_000),
			want:      v1.TaskRunReasonResultTooLarge,
			words:     `"one.r" with 1570002`,
		},
		"OfTask": {
			reason:    "Those of the task are named by their names.",
			condition: v1.Succeeded("ok"),
			results:   result("large", 1_570_000),
			ofStep:    result("r", 1),
			want:      v1.TaskRunReasonResultTooLarge,
			words:     `"large" with 1570002`,
		},
		"Together": {
			reason:    "Each fits, and both do not.",
			condition: v1.Succeeded("ok"),
			results:   result("a", 800_000),
			ofStep:    result("r", 800_000),
			want:      v1.TaskRunReasonResultTooLarge,
			words:     `"a" with 800002, "one.r" with 800002`,
		},
		"Cancelled": {
			reason:    "A cancelled run stays one.",
			condition: v1.Failed(v1.TaskRunReasonCancelled, "by user"),
			results:   result("a", 1_570_000),
			want:      v1.TaskRunReasonCancelled,
			words:     "by user; the TaskRun",
		},
		"TimedOut": {
			reason:    "So does one that was too late.",
			condition: v1.Failed(v1.TaskRunReasonTimedOut, "late"),
			results:   result("a", 1_570_000),
			want:      v1.TaskRunReasonTimedOut,
			words:     "late; the TaskRun",
		},
		"Evicted": {
			reason:    "So does one whose pod was evicted.",
			condition: v1.Failed(v1.TaskRunReasonPodEvicted, "full"),
			results:   result("a", 1_570_000),
			want:      v1.TaskRunReasonPodEvicted,
			words:     "full; the TaskRun",
		},
		"OOM": {
			reason:    "So does one that used too much memory.",
			condition: v1.Failed(v1.TaskRunReasonStepOOM, "memory"),
			ofStep:    result("r", 1_570_000),
			want:      v1.TaskRunReasonStepOOM,
			words:     "memory; the TaskRun",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status := v1.TaskRunStatus{
				Results: tc.results,
				Steps:   []v1.StepState{{Name: "one", Results: tc.ofStep, ContainerState: terminated(0, "")}},
			}
			status.SetCondition(tc.condition, metav1.NewTime(epoch()))
			got, oversize := runKind().Fit(taskRun(), status, metav1.NewTime(epoch()))
			if c := got.Condition(); !oversize || c.Reason != tc.want || !strings.Contains(c.Message, tc.words) {
				t.Errorf("%s: want %s with %q, got %+v", tc.reason, tc.want, tc.words, c)
			}
			if n := runKind().Stored(taskRun(), got); n > objectsize.Limit || len(got.Results)+len(got.Steps[0].Results) > 0 {
				t.Errorf("%s: what is written instead has %d bytes, %d and %d results", tc.reason, n, len(got.Results), len(got.Steps[0].Results))
			}
		})
	}
}

// TestRefusedStatusEndsTheRun: a status that the API server never takes ends the run, and its pod is stopped.
func TestRefusedStatusEndsTheRun(t *testing.T) {
	l := newLimited()
	w := newWorld(t, []client.Object{taskRun()}, l.funcs())
	w.pass(t)
	w.play(t, corev1.PodRunning, running(), running())
	l.Refusals, l.Cause = 2, limited.Invalid(v1.KindTaskRun, "build")
	tr := w.pass(t)
	wantCondition(t, tr, "False StatusRefused", "is invalid")
	for _, s := range tr.Status.Steps {
		if s.Terminated == nil {
			t.Errorf("step %q seems to run", s.Name)
		}
	}
	if p := w.pod(t); p.Spec.ActiveDeadlineSeconds == nil {
		t.Error("the pod runs on")
	}
}

// TestManagedFieldsOfTaskRun: a run that cannot be stored with its status and its managed fields does not start a pod.
func TestManagedFieldsOfTaskRun(t *testing.T) {
	l := newLimited()
	l.Managed = 600_000
	tr := taskRun(func(tr *v1.TaskRun) { tr.Spec.TaskSpec.Steps[0].Script = strings.Repeat("s", 945_000) })
	w := newWorld(t, []client.Object{tr}, l.funcs())
	w.deps.Client = interceptor.NewClient(w.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, o, opts...)
			if tr, ok := o.(*v1.TaskRun); ok && err == nil {
				tr.ManagedFields = l.Fields()
				Trim(tr)
			}
			return err
		},
	})
	w.Reconciler = NewReconciler(w.deps)
	wantCondition(t, w.pass(t), "False TaskRunValidationFailed", "in metadata.managedFields")
	if pods := w.pods(t); len(pods) > 0 {
		t.Errorf("want no pod, got %d", len(pods))
	}
}

// TestStartTimeIsStored: a run whose pod cannot be created, because the API server fails at it, still times out.
func TestStartTimeIsStored(t *testing.T) {
	w := newWorld(t,
		[]client.Object{taskRun(func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{Duration: time.Minute} })},
		interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
				return apierrors.NewInternalError(errors.New("failed calling webhook"))
			},
		})
	for range 3 {
		if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(taskRun())}); err == nil {
			t.Fatal("want the error, so that the pass is repeated with backoff")
		}
	}
	tr := &v1.TaskRun{}
	if err := w.client.Get(t.Context(), keyOf(taskRun()), tr); err != nil {
		t.Fatal(err)
	}
	if tr.Status.StartTime == nil || !strings.Contains(tr.Status.Condition().Message, "failed calling webhook") || w.patches != 1 {
		t.Errorf("want the start, and what the run waits for, in one write, got %+v in %d", tr.Status, w.patches)
	}
	w.clock.SetTime(epoch().Add(2 * time.Minute))
	wantCondition(t, w.pass(t), "False TaskRunTimeout")
}
