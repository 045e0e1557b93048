package taskrun

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

func cancelled(tr *v1.TaskRun) {
	tr.Spec.Status, tr.Spec.StatusMessage = v1.TaskRunSpecStatusCancelled, "not needed any more"
}

// cancel sets spec.status, as its user would.
func (w *world) cancel(t *testing.T) {
	t.Helper()
	tr := &v1.TaskRun{}
	if err := w.client.Get(context.Background(), keyOf(taskRun()), tr); err != nil {
		t.Fatal(err)
	}
	cancelled(tr)
	if err := w.client.Update(context.Background(), tr); err != nil {
		t.Fatal(err)
	}
}

func TestCancel(t *testing.T) {
	cases := map[string]struct {
		reason string
		keep   bool
		pods   int
	}{
		"Deleted": {reason: "the pod goes, as users of the API know it"},
		"Kept":    {reason: "keep-pod-on-cancel: the pod is stopped and its logs stay", keep: true, pods: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) { tr.Spec.Retries = 3 })}, interceptor.Funcs{})
			flags := config.Default().Flags
			flags.KeepPodOnCancel = tc.keep
			w.store.SetFlags(flags)
			w.pass(t)
			w.play(t, corev1.PodRunning, running(), running())
			w.pass(t)
			w.cancel(t)
			tr := w.pass(t)
			if got := reason(tr); got != "False TaskRunCancelled" ||
				tr.Status.Condition().Message != `TaskRun "build" was cancelled: not needed any more` {
				t.Errorf("%s: want the run cancelled and not retried, got %+v", tc.reason, tr.Status.Condition())
			}
			for _, s := range tr.Status.Steps {
				if s.Terminated == nil || s.Terminated.Reason != v1.TaskRunReasonCancelled || s.TerminationReason != "Cancelled" {
					t.Errorf("%s: no client takes a step for running for ever, got %+v", tc.reason, s)
				}
			}
			pods := w.pods(t)
			if len(pods) != tc.pods {
				t.Fatalf("%s: want %d pods, got %d", tc.reason, tc.pods, len(pods))
			}
			if tc.keep && (pods[0].Spec.ActiveDeadlineSeconds == nil || *pods[0].Spec.ActiveDeadlineSeconds != 1) {
				t.Errorf("%s: want the pod stopped", tc.reason)
			}
		})
	}
}

func TestCancelBeforeStart(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(cancelled)}, interceptor.Funcs{})
	if tr := w.pass(t); reason(tr) != "False TaskRunCancelled" || len(w.pods(t)) != 0 {
		t.Errorf("a run that is cancelled before it begins makes no pod, got %s, %d pods", reason(tr), len(w.pods(t)))
	}
}

// TestCancelFindsThePodThatNobodyNoted: a pod was made, and the status that names it met the cancellation and was not
// written; the cache does not have the pod yet. It must not run on unseen.
func TestCancelFindsThePodThatNobodyNoted(t *testing.T) {
	pod := runPod(corev1.PodRunning, running(), running())
	w := newWorld(t, []client.Object{taskRun(cancelled), pod}, interceptor.Funcs{})
	w.deps.Client = interceptor.NewClient(w.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*corev1.Pod); ok {
				return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, key.Name)
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	w.Reconciler = NewReconciler(w.deps)
	if tr := w.pass(t); reason(tr) != "False TaskRunCancelled" || len(w.pods(t)) != 0 {
		t.Errorf("want the pod found and deleted, got %s, %d pods", reason(tr), len(w.pods(t)))
	}
}

// TestCancelLeavesForeignPods: a pod of the right name that is not this run's is not deleted for it.
func TestCancelLeavesForeignPods(t *testing.T) {
	foreign := runPod(corev1.PodRunning, running(), running())
	foreign.OwnerReferences[0].UID = "another-uid"
	w := newWorld(t, []client.Object{taskRun(started, cancelled), foreign}, interceptor.Funcs{})
	if tr := w.pass(t); reason(tr) != "False TaskRunCancelled" || len(w.pods(t)) != 1 {
		t.Errorf("want the run cancelled and the foreign pod left alone, got %s, %d pods", reason(tr), len(w.pods(t)))
	}
}

// TestCutShort: a run that was stopped ends with the reason for which it was stopped, even if its steps' records arrive
// before the status could be written. A run whose steps ended on their own does not count as stopped.
func TestCutShort(t *testing.T) {
	late := func(o *Observation) { o.Now = epoch().Add(hour) }
	digest := []frame.Result{value("digest", "string", "d")}
	good := &collect.Set{
		Results: digest,
		Steps:   []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 0, frame.ReasonCompleted)},
	}
	bad := &collect.Set{Results: digest, Steps: []frame.Step{step("step-one", 2, frame.ReasonError), step("step-two", 1, frame.ReasonSkipped)}}
	interrupted := &collect.Set{Results: digest, Interrupted: true, Steps: []frame.Step{
		step("step-one", 0, frame.ReasonCompleted), step("step-two", -1, frame.ReasonUnfinished)}}
	asked := &collect.Set{Results: digest, Steps: []frame.Step{
		step("step-one", 0, frame.ReasonCompleted), step("step-two", 143, frame.ReasonCancelled)}}
	cases := map[string]struct {
		reason string
		set    *collect.Set
		change func(*v1.TaskRun)
		obs    func(*Observation)
		want   string
	}{
		"CancelledInterrupted": {
			reason: "the pod was stopped for the cancellation",
			set:    interrupted,
			change: cancelled,
			obs:    func(*Observation) {},
			want:   v1.TaskRunReasonCancelled,
		},
		"CancelledAsked": {
			reason: "the step ended because it was asked to",
			set:    asked,
			change: cancelled,
			obs:    func(*Observation) {},
			want:   v1.TaskRunReasonCancelled,
		},
		"CancelledTooLate": {
			reason: "what has ended well cannot be cancelled",
			set:    good,
			change: cancelled,
			obs:    func(*Observation) {},
			want:   v1.TaskRunReasonSucceeded,
		},
		"CancelledFailed": {
			reason: "what has failed by itself has failed",
			set:    bad,
			change: cancelled,
			obs:    func(*Observation) {},
			want:   v1.TaskRunReasonFailed,
		},
		"TimedOutInterrupted": {
			reason: "the pod was stopped for the timeout",
			set:    interrupted,
			change: func(*v1.TaskRun) {},
			obs:    late,
			want:   v1.TaskRunReasonTimedOut,
		},
		"TimedOutTooLate": {
			reason: "what ended in time is not timed out",
			set:    good,
			change: func(*v1.TaskRun) {},
			obs:    late,
			want:   v1.TaskRunReasonSucceeded,
		},
		"Evicted": {
			reason: "nobody stopped it",
			set:    interrupted,
			change: func(*v1.TaskRun) {},
			obs:    func(*Observation) {},
			want:   v1.TaskRunReasonFailed,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(started, tc.change, func(tr *v1.TaskRun) { tr.Spec.Retries = 5 })
			obs := observation(withEvidence(collect.Progress{Set: tc.set}), tc.obs)
			outcome := outcomeOf(tr, stateOf(tr, obs, Plan{}), obs, Plan{})
			if outcome == nil || outcome.Condition.Reason != tc.want || len(outcome.Results) != 1 {
				t.Errorf("%s: want %s with the verified result, got %+v", tc.reason, tc.want, outcome)
			}
			if tr.Spec.Status != "" && retriable(tr, outcome.Condition) {
				t.Errorf("%s: a cancelled run does not begin anew", tc.reason)
			}
		})
	}
}

// TestManagedElsewhere: a run of another controller is not touched, not even to say so.
func TestManagedElsewhere(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) { tr.Spec.ManagedBy = new("example.com/other") })}, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return errors.New("must not be written")
		},
	})
	if tr := w.pass(t); reason(tr) != "none" || len(w.pods(t)) != 0 {
		t.Errorf("want the run left alone, got %s", reason(tr))
	}
}

func TestCancelMessageWithoutReason(t *testing.T) {
	tr := taskRun(started, cancelled, func(tr *v1.TaskRun) { tr.Spec.StatusMessage = "" })
	if got := outcomeOf(tr, Cancelled, observation(), Plan{}).Condition.Message; strings.Contains(got, ":") {
		t.Errorf("nothing is made up, got %q", got)
	}
}
