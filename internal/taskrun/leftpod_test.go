package taskrun

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// TestUnrecordedPodIsStopped: a pass makes the pod, and its status is not written. However the run then ends, its pod does
// not run on.
func TestUnrecordedPodIsStopped(t *testing.T) {
	param := func(_ *world, task *v1.Task) { task.Spec.Params = []v1.ParamSpec{{Name: "image"}} }
	cases := map[string]struct {
		reason string
		// change is what happens to the Task, or to what the run needs; nil deletes the Task.
		change func(*world, *v1.Task)
		starts bool
		want   string
		// left says that the pod is stopped and named in the status; otherwise it is gone.
		left bool
	}{
		"TaskGone": {
			reason: "the Task is deleted",
			starts: true,
			want:   "False TaskRunResolutionFailed",
			left:   true,
		},
		"TaskGoneBefore": {
			reason: "no kubelet has seen the pod",
			want:   "False TaskRunResolutionFailed",
		},
		"Invalid": {
			reason: "the run does not give a param of the Task",
			change: param,
			starts: true,
			want:   "False PodCreationFailed",
			left:   true,
		},
		"InvalidBefore": {
			reason: "the run does not give a param of the Task, and no step has started",
			change: param,
			want:   "False TaskRunValidationFailed",
		},
		"Refused": {
			reason: "results cannot come back from the pod of the changed Task",
			change: func(w *world, task *v1.Task) {
				w.allowed, task.Spec.Steps[0].WorkingDir = false, "/new"
				w.store.SetFlags(config.Flags{ResultsFrom: config.SidecarLogs, MaxResultSize: 4096})
			},
			starts: true,
			want:   "False PodCreationFailed",
			left:   true,
		},
		"Blocked": {
			reason: "the image of the changed Task cannot be looked up",
			change: func(w *world, task *v1.Task) {
				task.Spec.Steps[0].Script, w.images["busybox:1"] = "", errors.New("no connection")
			},
			starts: true,
			want:   "False PodCreationFailed",
			left:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "deploy", Namespace: "ci"}, Spec: *taskRun().Spec.TaskSpec}
			w := newWorld(t,
				[]client.Object{task, taskRun(func(tr *v1.TaskRun) { tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "deploy"} })},
				interceptor.Funcs{})
			tr := w.pass(t)
			tr.Status = v1.TaskRunStatus{} // as if it had not been written
			if err := w.client.Status().Update(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
			if tc.starts {
				w.play(t, corev1.PodRunning, running(), running())
			}
			if tc.change == nil {
				if err := w.client.Delete(t.Context(), task); err != nil {
					t.Fatal(err)
				}
			} else {
				task = fetch(t, w, task, &v1.Task{})
				tc.change(w, task)
				if err := w.client.Update(t.Context(), task); err != nil {
					t.Fatal(err)
				}
			}
			w.Reconciler = NewReconciler(w.deps) // another controller, which knows nothing of it
			w.pass(t)
			tr = w.pass(t)
			wantCondition(t, tr, tc.want)
			pods := w.pods(t)
			if !tc.left {
				if len(pods) != 0 {
					t.Errorf("%s: want no pod, got %d", tc.reason, len(pods))
				}
				return
			}
			if len(pods) != 1 || !stopped(&pods[0]) || tr.Status.PodName != pods[0].Name {
				t.Errorf("%s: want one pod, stopped and named in the status, got %d pods, status.podName %q", tc.reason, len(pods), tr.Status.PodName)
			}
		})
	}
}

// TestEarlierPodIsStoppedWithTheRun: a run ends while an attempt waits for the pod of the one before. That pod does not run
// on after the run.
func TestEarlierPodIsStoppedWithTheRun(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*v1.TaskRun)
		after  time.Duration
		want   string
	}{
		"Cancelled": {
			reason: "its user cancels it",
			change: cancelled,
			want:   "False TaskRunCancelled",
		},
		"TimedOut": {
			reason: "its time is up",
			change: func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{Duration: time.Second} },
			after:  time.Second,
			want:   "False TaskRunTimeout",
		},
		"TaskGone": {
			reason: "its Task, which the status had no room for, is deleted",
			change: func(tr *v1.TaskRun) { tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "gone"} },
			want:   "False TaskRunResolutionFailed",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(retries(1), tc.change, func(tr *v1.TaskRun) {
				now := metav1.NewTime(epoch())
				tr.Status.RetriesStatus = []v1.TaskRunAttempt{{PodName: "build-pod", CompletionTime: &now}}
				tr.Status.StartTime = &now
			})
			over := terminated(1, record(1))
			w := newWorld(t, []client.Object{tr, mesh(runPod(corev1.PodRunning, over, over), running())}, interceptor.Funcs{})
			w.clock.SetTime(epoch().Add(tc.after))
			wantCondition(t, w.pass(t), tc.want)
			if pods := w.pods(t); len(pods) != 1 || !stopped(&pods[0]) {
				t.Errorf("%s: want the pod of the attempt before kept and stopped, got %d pods", tc.reason, len(pods))
			}
		})
	}
}
