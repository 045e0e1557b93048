package taskrun

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/reconcile"
)

// blind makes the cache of a world show no pod, as one does that is behind.
func (w *world) blind() {
	missing := func(key client.ObjectKey) error {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, key.Name)
	}
	w.deps.Client = interceptor.NewClient(w.client, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*corev1.Pod); ok {
				return missing(key)
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	w.Reconciler = NewReconciler(w.deps)
}

// unseenCase is a way in which a run ends while the cache does not show its pod, which the status does not name either.
type unseenCase struct {
	reason string
	// change is what happens to the run, to its Task or to what the run needs.
	change func(*testing.T, *world, *v1.Task)
	// want is the condition of the run, if that is clear, and adopted says that the run continues with its pod.
	want    string
	adopted bool
}

func unseenCases() map[string]unseenCase {
	task := func(change func(*v1.Task)) func(*testing.T, *world, *v1.Task) {
		return func(t *testing.T, w *world, task *v1.Task) {
			t.Helper()
			change(task)
			if err := w.client.Update(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
	}
	param := func(task *v1.Task) { task.Spec.Params = []v1.ParamSpec{{Name: "image"}} }
	run := func(change func(*v1.TaskRun)) func(*testing.T, *world, *v1.Task) {
		return func(t *testing.T, w *world, _ *v1.Task) {
			t.Helper()
			tr := fetch(t, w, taskRun(), &v1.TaskRun{})
			change(tr)
			if err := w.client.Update(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
		}
	}
	return map[string]unseenCase{
		"Invalid": {
			reason: "The Task has changed, and the run does not give a param of it.",
			change: task(param),
		},
		"InvalidWithRetries": {
			reason: "An attempt that ends is no different.",
			change: func(t *testing.T, w *world, changed *v1.Task) {
				t.Helper()
				task(param)(t, w, changed)
				run(retries(2))(t, w, changed)
			},
		},
		"Refused": {
			reason: "The right to read logs was taken away. The pod was made while it was there.",
			change: func(_ *testing.T, w *world, _ *v1.Task) {
				w.allowed = false
				w.store.SetFlags(config.Flags{ResultsFrom: config.SidecarLogs, MaxResultSize: 4096})
			},
			adopted: true,
		},
		"RefusedAfterAChange": {
			reason: "Besides, the Task has changed.",
			change: func(t *testing.T, w *world, changed *v1.Task) {
				t.Helper()
				w.allowed = false
				w.store.SetFlags(config.Flags{ResultsFrom: config.SidecarLogs, MaxResultSize: 4096})
				task(func(task *v1.Task) { task.Spec.Steps[0].WorkingDir = "/new" })(t, w, changed)
			},
		},
		"Blocked": {
			reason: "The image of the changed Task cannot be looked up.",
			change: func(t *testing.T, w *world, changed *v1.Task) {
				t.Helper()
				w.images["busybox:1"] = errors.New("no such image")
				task(func(task *v1.Task) { task.Spec.Steps[0].Script = "" })(t, w, changed)
			},
		},
		"Unresolved": {
			reason: "The Task is deleted.",
			change: func(t *testing.T, w *world, task *v1.Task) {
				t.Helper()
				if err := w.client.Delete(t.Context(), task); err != nil {
					t.Fatal(err)
				}
			},
			want: "False TaskRunResolutionFailed",
		},
		"Cancelled": {
			reason: "Its user cancels it.",
			change: run(cancelled),
			want:   "False TaskRunCancelled",
		},
		"TimedOut": {
			reason: "Its time is up.",
			change: func(t *testing.T, w *world, _ *v1.Task) {
				t.Helper()
				tr := fetch(t, w, taskRun(), &v1.TaskRun{})
				tr.Status.StartTime = new(metav1.NewTime(epoch()))
				if err := w.client.Status().Update(t.Context(), tr); err != nil {
					t.Fatal(err)
				}
				w.clock.SetTime(epoch().Add(2 * time.Hour))
			},
			want: "False TaskRunTimeout",
		},
		"ClaimRefused": {
			reason: "The API server refuses a claim of the changed Task, before it is asked for the pod.",
			change: func(t *testing.T, w *world, changed *v1.Task) {
				t.Helper()
				task(func(task *v1.Task) { task.Spec.Workspaces = []v1.WorkspaceDeclaration{{Name: "source"}} })(t, w, changed)
				run(func(tr *v1.TaskRun) {
					tr.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "source", VolumeClaimTemplate: &corev1.PersistentVolumeClaim{}}}
				})(t, w, changed)
				foreign := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: claimOf(t, w)}}
				if err := w.client.Create(t.Context(), foreign); err != nil {
					t.Fatal(err)
				}
			},
		},
		"TooLarge": {
			reason: "A user fills the object, so that no status has room in it.",
			change: func(t *testing.T, w *world, _ *v1.Task) { t.Helper(); fill(t, w) },
		},
		"Panics": {
			reason: "Passes over it panic, until it is given up.",
			change: func(t *testing.T, w *world, _ *v1.Task) {
				t.Helper()
				tr := fetch(t, w, taskRun(), &v1.TaskRun{})
				if err := w.Reconciler.loop.ReportPanic(t.Context(), tr, reconcile.Panic{Count: reconcile.PanicTries, What: "nil"}); err != nil {
					t.Fatal(err)
				}
			},
			want: "False InternalError",
		},
	}
}

// TestUnseenPodIsStopped: a pass makes the pod of a run and cannot write its status. When the run ends, the cache does not show
// the pod. The pod is stopped or deleted, and the status names a pod that is kept.
func TestUnseenPodIsStopped(t *testing.T) {
	for name, tc := range unseenCases() {
		for _, starts := range []bool{true, false} {
			t.Run(name+map[bool]string{true: "/Started", false: "/Unscheduled"}[starts], func(t *testing.T) {
				task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "deploy", Namespace: "ci"}, Spec: *taskRun().Spec.TaskSpec}
				w := newWorld(t, []client.Object{task, taskRun(func(tr *v1.TaskRun) {
					tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "deploy"}
				})}, interceptor.Funcs{})
				tr := w.pass(t)
				tr.Status = v1.TaskRunStatus{} // as if it had not been written
				if err := w.client.Status().Update(t.Context(), tr); err != nil {
					t.Fatal(err)
				}
				if starts {
					w.play(t, corev1.PodRunning, running(), running())
				}
				w.blind()
				tc.change(t, w, fetch(t, w, task, &v1.Task{}))
				for range 3 {
					_, _ = w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(taskRun())}) // a full object is an error each time
				}
				tc.check(t, w)
			})
		}
	}
}

// check wants no pod to run without its run.
func (c unseenCase) check(t *testing.T, w *world) {
	t.Helper()
	tr := fetch(t, w, taskRun(), &v1.TaskRun{})
	if got := reason(tr); c.want != "" && got != c.want {
		t.Errorf("%s\nwant %s, got %s: %+v", c.reason, c.want, got, tr.Status.Condition())
	}
	pods := w.pods(t)
	for i := range pods {
		p := &pods[i]
		switch {
		case c.adopted && !tr.Status.Done() && tr.Status.PodName == p.Name:
		case !stopped(p):
			t.Errorf("%s\nthe run is %s, and pod %q runs on", c.reason, reason(tr), p.Name)
		case tr.Status.Done() && tr.Status.PodName != p.Name && reason(tr) != "False InternalError":
			t.Errorf("%s\nthe status does not name the stopped pod %q", c.reason, p.Name)
		}
	}
	if c.adopted && len(pods) != 1 {
		t.Errorf("%s\nwant the run to continue with its pod, got %d pods", c.reason, len(pods))
	}
}

// claimOf is the name of the claim that the run makes.
func claimOf(t *testing.T, w *world) string {
	t.Helper()
	tr := fetch(t, w, taskRun(), &v1.TaskRun{})
	all := claims(tr, tr.Spec.Workspaces)
	if len(all) != 1 {
		t.Fatalf("want one claim, got %d", len(all))
	}
	return all[0].Name
}
