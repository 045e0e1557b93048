package taskrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

const hour = time.Hour

func retries(n int) func(*v1.TaskRun) { return func(tr *v1.TaskRun) { tr.Spec.Retries = n } }

// failedOnce is a run whose first attempt has failed.
func failedOnce(tr *v1.TaskRun) {
	tr.Status.RetriesStatus = append(tr.Status.RetriesStatus, v1.TaskRunAttempt{PodName: "build-pod"})
}

func TestRetriable(t *testing.T) {
	fails := func(reason string) metav1.Condition { return v1.Failed(reason, "x") }
	cases := map[string]struct {
		reason string
		tr     *v1.TaskRun
		end    metav1.Condition
		want   bool
	}{
		"Failed": {
			reason: "a step that failed may well succeed",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonFailed),
			want:   true,
		},
		"None": {
			reason: "nobody asked for it",
			tr:     taskRun(),
			end:    fails(v1.TaskRunReasonFailed),
		},
		"UsedUp": {
			reason: "the last attempt is the last",
			tr:     taskRun(retries(1), failedOnce),
			end:    fails(v1.TaskRunReasonFailed),
		},
		"TimedOut": {
			reason: "each attempt has its own time",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonTimedOut),
			want:   true,
		},
		"Evicted": {
			reason: "another node may be better",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonPodEvicted),
			want:   true,
		},
		"PodDeleted": {
			reason: "another pod may stay",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonPodDeleted),
			want:   true,
		},
		"Unavailable": {
			reason: "another pod's log may be readable",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonResultsUnavailable),
			want:   true,
		},
		"Succeeded": {
			reason: "success is the end",
			tr:     taskRun(retries(1)),
			end:    v1.Succeeded("ok"),
		},
		"Invalid": {
			reason: "it would be invalid again",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonValidationFailed),
		},
		"Unresolved": {
			reason: "the task is not there",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonResolutionFailed),
		},
		"Denied": {
			reason: "a permission is missing",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonResultsLogAccessDenied),
		},
		"PodRefused": {
			reason: "the API server would refuse it again",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonPodCreationFailed),
		},
		"Cancelled": {
			reason: "its user wants no more of it",
			tr:     taskRun(retries(1)),
			end:    fails(v1.TaskRunReasonCancelled),
		},
		"CancelledFailed": {
			reason: "its user wants no more of it, however this attempt ended",
			tr:     taskRun(retries(1), cancelled),
			end:    fails(v1.TaskRunReasonFailed),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := retriable(tc.tr, tc.end); got != tc.want {
				t.Errorf("%s: want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

func TestReconcileRetries(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(retries(1))}, interceptor.Funcs{})
	w.pass(t)
	w.play(t, corev1.PodFailed, terminated(1, record(1, value("digest", "", "old"))), terminated(1, record(1)))
	tr := w.pass(t)
	if got := reason(tr); got != "Unknown ToBeRetried" || tr.Status.PodName != "" || tr.Status.Results != nil ||
		tr.Status.Steps != nil || tr.Status.StartTime != nil {
		t.Fatalf("the failed attempt leaves nothing behind where the next one's will stand, got %s, %+v", got, tr.Status)
	}
	if n := len(tr.Status.RetriesStatus); n != 1 {
		t.Fatalf("want one attempt kept, got %d", n)
	}
	kept := tr.Status.RetriesStatus[0]
	if kept.PodName != "build-pod" || len(kept.Steps) != 2 || len(kept.Results) != 1 ||
		kept.Conditions[0].Reason != "Failed" || kept.CompletionTime == nil {
		t.Errorf("an attempt is kept whole, got %+v", kept)
	}
	w.clock.SetTime(epoch().Add(50 * time.Minute))
	tr = w.pass(t)
	if reason(tr) != "Unknown Pending" || tr.Status.PodName != "build-pod-retry1" || !tr.Status.StartTime.Time.Equal(w.clock.Now()) {
		t.Fatalf("the next attempt has a pod and a start of its own, got %s, %+v", reason(tr), tr.Status)
	}
	w.clock.SetTime(epoch().Add(100 * time.Minute))
	w.playOn(t, "build-pod-retry1", corev1.PodRunning, running(), running())
	// The timeout of an hour begins anew with each attempt.
	wantCondition(t, w.pass(t), "Unknown Running")
	w.playOn(t, "build-pod-retry1", corev1.PodSucceeded, terminated(0, record(0)), terminated(0, record(0)))
	tr = w.pass(t)
	if reason(tr) != "True Succeeded" || tr.Status.Results != nil || len(tr.Status.RetriesStatus) != 1 {
		t.Errorf("the result of the failed attempt is none of this one's, got %s, %+v", reason(tr), tr.Status.Results)
	}
}

// TestRetryNeverMixesResults: what was read of the first attempt's log is whole and verified, and yet must never be taken
// for the second attempt's, whose log has not begun.
func TestRetryNeverMixesResults(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(retries(1))}, interceptor.Funcs{})
	w.store.SetFlags(config.Flags{ResultsFrom: config.SidecarLogs, MaxResultSize: 4096})
	stream := func(pod, digest string, code int, reason frame.Reason) {
		var log bytes.Buffer
		writer := frame.NewWriter(&log, nonceOf(t, w.podNamed(t, pod)))
		if err := errors.Join(writer.Step(step("step-one", code, reason)), writer.Step(step("step-two", code, reason)),
			writer.Result(frame.Result{Name: "digest", Type: "string", Value: []byte(digest)}), writer.End(false)); err != nil {
			t.Fatal(err)
		}
		w.log = log.Bytes()
	}
	await := func() {
		select {
		case <-w.woken:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody was woken by the end of the stream")
		}
	}
	w.pass(t)
	stream("build-pod", "old", 1, frame.ReasonError)
	w.play(t, corev1.PodRunning, running(), running(), running())
	w.pass(t)
	await()
	tr := w.pass(t)
	if reason(tr) != "Unknown ToBeRetried" || tr.Status.RetriesStatus[0].Results[0].Value.String != "old" {
		t.Fatalf("want the first attempt kept, got %s", reason(tr))
	}
	if tr = w.pass(t); tr.Status.Condition().Message != messageEarlier || len(w.pods(t)) != 1 {
		t.Fatalf("two attempts do not work at once, got %s, %d pods", reason(tr), len(w.pods(t)))
	}
	w.play(t, corev1.PodFailed, terminated(1, ""), terminated(1, ""), terminated(0, ""))
	for _, states := range [][]corev1.ContainerState{nil, {
		waiting("ContainerCreating"),
		waiting("ContainerCreating"),
		waiting("ContainerCreating"),
	}} {
		if tr = w.pass(t); reason(tr) != "Unknown Pending" || tr.Status.Results != nil {
			t.Fatalf("nothing is known of the second attempt, got %s, %+v", reason(tr), tr.Status.Results)
		}
		w.playOn(t, "build-pod-retry1", corev1.PodPending, states...)
	}
	if nonceOf(t, w.pod(t)) == nonceOf(t, w.podNamed(t, "build-pod-retry1")) {
		t.Error("each attempt's stream has a nonce of its own")
	}
	stream("build-pod-retry1", "new", 0, frame.ReasonCompleted)
	w.playOn(t, "build-pod-retry1", corev1.PodRunning, running(), running(), running())
	w.pass(t)
	await()
	tr = w.pass(t)
	if reason(tr) != "True Succeeded" || len(tr.Status.Results) != 1 || tr.Status.Results[0].Value.String != "new" {
		t.Errorf("want the second attempt's own result, got %s, %+v", reason(tr), tr.Status.Results)
	}
}

// TestAttemptKey: whatever is kept by it is never that of another attempt.
func TestAttemptKey(t *testing.T) {
	first, second, third := attemptKey(taskRun()), attemptKey(taskRun(failedOnce)), attemptKey(taskRun(failedOnce, failedOnce))
	if first == second || second == third || first == third || first != runUID {
		t.Errorf("want a key for each attempt, got %q, %q, %q", first, second, third)
	}
}

// TestKilledAtAnyWrite: a controller is killed before or after each of its writes, in turn, and another one continues. The
// run ends in the same way, with one pod for each attempt.
func TestKilledAtAnyWrite(t *testing.T) {
	gone := errors.New("the controller was killed")
	labelled := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{Name: "t", Namespace: "ci", Labels: map[string]string{"team": "a"}},
		Spec:       *taskRun().Spec.TaskSpec,
	}
	labelled.Spec.Workspaces = []v1.WorkspaceDeclaration{{Name: "made"}}
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			writes := 0
			write := func(do func() error) error {
				if writes++; writes != at {
					return do()
				}
				if after {
					if err := do(); err != nil {
						return err
					}
				}
				return gone
			}
			w := newWorld(t, []client.Object{labelled, taskRun(retries(1), func(tr *v1.TaskRun) {
				tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: labelled.Name}
				tr.Spec.Workspaces = []v1.WorkspaceBinding{taskRun(claiming).Spec.Workspaces[0]}
			})}, interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					return write(func() error { return c.Create(ctx, o, opts...) })
				},
				Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
					return write(func() error { return c.Patch(ctx, o, p, opts...) })
				},
				SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object,
					p client.Patch, opts ...client.SubResourcePatchOption) error {
					return write(func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) })
				},
			})
			w.survive(t, gone)
			if writes < at {
				break // every write has been a killing one
			}
			tr := &v1.TaskRun{}
			if err := w.client.Get(context.Background(), keyOf(taskRun()), tr); err != nil {
				t.Fatal(err)
			}
			if reason(tr) != "True Succeeded" || len(tr.Status.RetriesStatus) != 1 || len(tr.Status.Results) != 1 ||
				tr.Status.Results[0].Value.String != "new" {
				t.Errorf("killed at write %d (after it: %t): got %s, %d attempts, %+v",
					at, after, reason(tr), len(tr.Status.RetriesStatus), tr.Status.Results)
			}
			claims := &corev1.PersistentVolumeClaimList{}
			if err := w.client.List(context.Background(), claims); err != nil || len(claims.Items) != 1 || tr.Labels["team"] != "a" {
				t.Errorf("killed at write %d (after it: %t): want one claim and the Task's labels, got %d and %v (%v)",
					at, after, len(claims.Items), tr.Labels, err)
			}
			if n := len(w.pods(t)); n != 2 {
				t.Errorf("killed at write %d (after it: %t): want one pod for each attempt, got %d", at, after, n)
			}
		}
	}
}

// survive makes passes until the run has ended, with a new controller after each one that was killed. The first attempt
// fails, the second succeeds.
func (w *world) survive(t *testing.T, gone error) {
	t.Helper()
	tr := &v1.TaskRun{}
	for pass := 0; !tr.Status.Done(); pass++ {
		if pass == 50 {
			t.Fatalf("the run does not end: %s", reason(tr))
		}
		if _, err := w.Reconcile(context.Background(), ctrl.Request{NamespacedName: keyOf(taskRun())}); errors.Is(err, gone) {
			w.Reconciler = NewReconciler(w.deps)
		} else if err != nil {
			t.Fatal(err)
		}
		for _, p := range w.pods(t) {
			if p.Name == "build-pod" {
				w.playOn(t, p.Name, corev1.PodFailed, terminated(1, record(1, value("digest", "", "old"))), terminated(1, record(1)))
			} else {
				w.playOn(t, p.Name, corev1.PodSucceeded, terminated(0, record(0, value("digest", "", "new"))), terminated(0, record(0)))
			}
		}
		if err := w.client.Get(context.Background(), keyOf(taskRun()), tr); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEarlierPodIsNotWaitedForForEver: its node may be lost.
func TestEarlierPodIsNotWaitedForForEver(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(retries(1), failedOnce), runPod(corev1.PodRunning, running(), running())}, interceptor.Funcs{})
	if tr := w.pass(t); len(w.pods(t)) != 1 || tr.Status.StartTime == nil {
		t.Fatalf("want the attempt begun and its pod not made, got %d pods", len(w.pods(t)))
	}
	w.clock.SetTime(epoch().Add(earlierPatience))
	if tr := w.pass(t); len(w.pods(t)) != 2 || tr.Status.PodName != "build-pod-retry1" {
		t.Errorf("want the pod made after all, got %d pods", len(w.pods(t)))
	}
}

func TestArchived(t *testing.T) {
	condition := v1.Failed(v1.TaskRunReasonFailed, strings.Repeat("m", 30_000))
	condition.LastTransitionTime = metav1.NewTime(epoch())
	failed := func(results int) v1.TaskRunAttempt {
		return v1.TaskRunAttempt{
			Conditions:     []metav1.Condition{condition},
			PodName:        strings.Repeat("p", 63),
			StartTime:      new(metav1.NewTime(epoch())),
			CompletionTime: new(metav1.NewTime(epoch())),
			Steps:          []v1.StepState{{Name: "one"}},
			Results:        []v1.TaskRunResult{{Name: "r", Type: v1.TypeString, Value: v1.StringValue(strings.Repeat("x", results))}},
		}
	}
	small, large := archived(nil, failed(100))[0], archived(nil, failed(5000))[0]
	if len(small.Results) != 1 || len(large.Results) != 0 || !strings.Contains(large.Conditions[0].Message, "results (50") {
		t.Errorf("small results are kept, large ones are not, and the message says so, got %d and %d", len(small.Results), len(large.Results))
	}
	var all []v1.TaskRunAttempt
	for range 50 {
		all = archived(all, failed(4000))
	}
	if n := objectsize.Encoded(all); n > maxAttempts || len(all) != 50 {
		t.Errorf("want all attempts in at most %d bytes, got %d in %d bytes", maxAttempts, len(all), n)
	}
	if n := objectsize.Encoded(reduced(failed(4000))); n > 512 {
		t.Errorf("a thousand reduced attempts are to take at most a third of an object, got %d bytes for one", n)
	}
	if last := all[len(all)-1]; all[0].Conditions[0].Reason != "Failed" || all[0].Conditions[0].Message != "" || all[0].PodName == "" {
		t.Errorf("the oldest say when and why they failed, got %+v, %+v", all[0].Conditions, last.Conditions[0].Reason)
	}
}

// TestFittedReducesAttempts: earlier attempts never keep the results of the one that succeeded from being stored.
func TestFittedReducesAttempts(t *testing.T) {
	status := v1.TaskRunStatus{
		Results: []v1.TaskRunResult{{Name: "r", Type: v1.TypeString, Value: v1.StringValue(strings.Repeat("x", 1_400_000))}},
	}
	status.SetCondition(v1.Succeeded("ok"), metav1.NewTime(epoch()))
	for i := range 50 {
		status.RetriesStatus = append(status.RetriesStatus, v1.TaskRunAttempt{
			PodName: fmt.Sprint("pod-", i), Steps: []v1.StepState{{Name: strings.Repeat("s", 4000)}},
		})
	}
	got, _ := runKind().Fit(taskRun(), status, metav1.NewTime(epoch()))
	if c := got.Condition(); c.Status != metav1.ConditionTrue || len(got.Results) != 1 || len(got.RetriesStatus) != 50 {
		t.Errorf("want the results whole and the attempts reduced, got %+v", c)
	}
}
