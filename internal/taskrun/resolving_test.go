package taskrun

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

const (
	remoteTask = `apiVersion: tekton.dev/v1
kind: Task
metadata: {name: remote, labels: {team: a}}
spec:
  steps:
  - {name: one, image: busybox, script: echo one}
`
	remoteAction = `apiVersion: tekton.dev/v1beta1
kind: StepAction
metadata: {name: action}
spec: {image: busybox, script: echo two}
`
	withAction = `  - name: two
    ref: {resolver: git, params: [{name: path, value: action.yaml}]}
`
)

// remote is a run whose Task comes through a resolver.
func remote(tr *v1.TaskRun) {
	tr.Spec.TaskSpec = nil
	tr.Spec.Params = []v1.Param{{Name: "url", Value: v1.StringValue("https://$(params.x)")}}
	tr.Spec.TaskRef = &v1.TaskRef{ResolverRef: v1.ResolverRef{
		Resolver: "git", Params: []v1.Param{{Name: "url", Value: v1.StringValue("$(params.url)")}},
	}}
}

// open returns the requests without an answer.
func (w *world) open(t *testing.T) []resolutionv1beta1.ResolutionRequest {
	t.Helper()
	list := &resolutionv1beta1.ResolutionRequestList{}
	if err := w.client.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	var open []resolutionv1beta1.ResolutionRequest
	for i := range list.Items {
		if !list.Items[i].Done() {
			open = append(open, list.Items[i])
		}
	}
	return open
}

func (w *world) answer(t *testing.T, a resolver.Answer) {
	t.Helper()
	open := w.open(t)
	if len(open) != 1 {
		t.Fatalf("want one open request, got %d", len(open))
	}
	if err := resolver.Write(t.Context(), w.client, &open[0], a); err != nil {
		t.Fatal(err)
	}
}

func wantReason(t *testing.T, tr *v1.TaskRun, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	if c := tr.Status.Condition(); c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, message) {
		t.Fatalf("want %s, %s, %q, got %+v", status, reason, message, c)
	}
}

// TestResolvesTaskAndStepAction: a run waits for its Task, then for the StepAction of it, and records both with their sources.
func TestResolvesTaskAndStepAction(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(remote)}, interceptor.Funcs{})
	tr := w.pass(t)
	wantReason(t, tr, metav1.ConditionUnknown, v1.TaskRunReasonResolvingTaskRef, `waiting for resolver "git"`)
	if tr.Status.StartTime == nil || tr.Status.TaskSpec != nil || tr.Status.Provenance != nil || len(w.pods(t)) != 0 {
		t.Errorf("the run has started, and nothing of its task is known, got %+v", tr.Status)
	}
	if params := w.open(t)[0].Spec.Params; params[0].Value.String != "https://$(params.x)" {
		t.Errorf("a value is inserted once, got %+v", params)
	}
	w.Reconciler = NewReconciler(w.deps) // a restart
	patches := w.patches
	if tr = w.pass(t); w.patches != patches || len(w.open(t)) != 1 {
		t.Errorf("the run still waits for the same request, got %+v", tr.Status)
	}

	w.answer(t, resolver.Answer{Definition: remoteTask + withAction, Source: &v1.RefSource{URI: "git+https://x", EntryPoint: "task.yaml"}})
	tr = w.pass(t)
	wantReason(t, tr, metav1.ConditionUnknown, v1.TaskRunReasonResolvingStepActionRef, "ResolutionRequest")

	w.answer(t, resolver.Answer{Definition: remoteAction, Source: &v1.RefSource{URI: "git+https://y"}})
	tr = w.pass(t)
	if len(w.pods(t)) != 1 || tr.Status.TaskSpec == nil || tr.Status.TaskSpec.Steps[1].Script != "echo two" {
		t.Fatalf("want a pod from the task with its StepAction, got %+v", tr.Status)
	}
	if p := tr.Status.Provenance; p == nil || p.RefSource == nil || p.RefSource.EntryPoint != "task.yaml" || p.FeatureFlags == nil {
		t.Errorf("the source of the Task is missing: %+v", p)
	}
	if s := stepOf(tr.Status.Steps, "step-two"); s == nil || s.Provenance == nil || s.Provenance.RefSource.URI != "git+https://y" {
		t.Errorf("the source of the StepAction is missing: %+v", tr.Status.Steps)
	}
	if tr.Labels["team"] != "a" || tr.Labels[v1.LabelTask] != "remote" {
		t.Errorf("the labels of the Task are missing: %v", tr.Labels)
	}
}

func TestResolvingEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		reason  string
		change  func(*testing.T, *world)
		want    string
		message string
	}{
		"Failure": {
			reason:  "the resolver cannot get the definition",
			change:  func(t *testing.T, w *world) { w.answer(t, resolver.Answer{Failure: "no such file"}) },
			want:    v1.TaskRunReasonResolutionFailed,
			message: "no such file",
		},
		"Invalid": {
			reason: "the definition has an unknown field",
			change: func(t *testing.T, w *world) {
				w.answer(t, resolver.Answer{Definition: strings.Replace(remoteTask, "script", "scrpit", 1)})
			},
			want:    v1.TaskRunReasonResolutionFailed,
			message: "spec.steps[0].scrpit",
		},
		"NoAnswer": {
			reason:  "no program answers in time",
			change:  func(_ *testing.T, w *world) { w.clock.SetTime(epoch().Add(time.Minute)) },
			want:    v1.TaskRunReasonResolutionFailed,
			message: "default-maximum-resolution-timeout",
		},
		"Timeout": {
			reason: "the timeout of the run is shorter",
			change: func(t *testing.T, w *world) {
				w.update(t, func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{Duration: time.Second} })
				w.clock.SetTime(epoch().Add(time.Second))
			},
			want:    v1.TaskRunReasonTimedOut,
			message: `it was waiting for: waiting for resolver "git"`,
		},
		"Cancelled": {
			reason: "the user does not wait any longer",
			change: func(t *testing.T, w *world) {
				w.update(t, func(tr *v1.TaskRun) { tr.Spec.Status = v1.TaskRunSpecStatusCancelled })
			},
			want:    v1.TaskRunReasonCancelled,
			message: "was cancelled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun(remote)}, interceptor.Funcs{})
			w.pass(t)
			tc.change(t, w)
			tr := w.pass(t)
			wantReason(t, tr, metav1.ConditionFalse, tc.want, tc.message)
			if tr.Status.CompletionTime == nil || len(w.pods(t)) != 0 {
				t.Errorf("%s: the run has ended without a pod, got %+v", tc.reason, tr.Status)
			}
		})
	}
}

// update changes the run in the API server.
func (w *world) update(t *testing.T, change func(*v1.TaskRun)) {
	t.Helper()
	tr := &v1.TaskRun{}
	if err := w.client.Get(t.Context(), keyOf(taskRun()), tr); err != nil {
		t.Fatal(err)
	}
	change(tr)
	if err := w.client.Update(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
}

// TestResolvingAlwaysWakes: whatever else is true of a run that waits for a resolver, it ends now or is reconciled again, not later
// than the wait ends, and a pod that it has is left alone unless the run ends.
func TestResolvingAlwaysWakes(t *testing.T) {
	pending := &resolve.PendingError{Kind: v1.KindTask, Message: "waiting", Due: epoch().Add(30 * time.Second)}
	changes := map[string]func(*v1.TaskRun, *Observation){
		"plain":     func(*v1.TaskRun, *Observation) {},
		"cancelled": func(tr *v1.TaskRun, _ *Observation) { tr.Spec.Status = v1.TaskRunSpecStatusCancelled },
		"late":      func(_ *v1.TaskRun, o *Observation) { o.Now = epoch().Add(2 * time.Hour) },
		"due":       func(_ *v1.TaskRun, o *Observation) { o.Now = pending.Due },
		"unlimited": func(tr *v1.TaskRun, _ *Observation) { tr.Spec.Timeout = &metav1.Duration{} },
		"retried": func(tr *v1.TaskRun, _ *Observation) {
			tr.Spec.Retries, tr.Status.RetriesStatus = 2, []v1.TaskRunAttempt{{}}
		},
		"pod":        func(_ *v1.TaskRun, o *Observation) { o.Pod = runPod("Running", running(), running()) },
		"unrecorded": func(_ *v1.TaskRun, o *Observation) { o.Unrecorded = runPod("Running", running(), running()) },
	}
	for _, a := range sortedKeys(changes) {
		for _, b := range sortedKeys(changes) {
			for _, begun := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s+%s/%t", a, b, begun), func(t *testing.T) {
					tr := taskRun(remote)
					if begun {
						tr.Status.StartTime = new(metav1.NewTime(epoch()))
					}
					obs := observation(func(o *Observation) { o.Task, o.Recordable, o.Resolving = Task{}, false, pending })
					changes[a](tr, &obs)
					changes[b](tr, &obs)
					state := stateOf(tr, obs, Plan{})
					status, _ := statusFor(tr, state, obs, Plan{}, Effect{})
					left := wait(tr, status, obs, Plan{}, Effect{})
					switch {
					case state == Resolving && (status.Done() || next(state, obs) != DoNothing):
						t.Errorf("a run that waits goes on waiting, got %+v and %s", status, next(state, obs))
					case state == Resolving && (left <= 0 || left > max(pending.Due.Sub(obs.Now), time.Millisecond)):
						t.Errorf("it is reconciled again when the wait ends, got %s", left)
					case state != Resolving && !ends(tr, status):
						t.Errorf("state %s: want an end, got %+v", state, status)
					}
				})
			}
		}
	}
}

// TestResolvingIsLeftToEvents: a reconcile of a run that waits asks for the next one.
func TestResolvingIsLeftToEvents(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(remote)}, interceptor.Funcs{})
	result, err := w.Reconcile(context.Background(), ctrl.Request{NamespacedName: keyOf(taskRun())})
	if err != nil || result.RequeueAfter != 5*time.Second { // no watch has begun here
		t.Errorf("got %+v, %v", result, err)
	}
}
