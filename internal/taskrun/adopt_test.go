package taskrun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestPodOfAnotherTask: a pass makes the pod, and its status is not written; before the next pass, the Task changes. The pod
// is of the old Task, and must not be taken for one of the new.
func TestPodOfAnotherTask(t *testing.T) {
	cases := map[string]struct {
		reason string
		// changes the Task in between, binds the pod to a node, and plays that its steps run.
		changes, binds, starts bool
		cancelled              bool
		want                   string
		dir                    string
		stopped                bool
	}{
		"Same": {
			reason: "The pod of the same Task is taken over.",
			want:   "Unknown Pending",
			dir:    "/old",
		},
		"Changed": {
			reason:  "A pod that no node has is made anew.",
			changes: true,
			want:    "Unknown Pending",
			dir:     "/new",
		},
		"Started": {
			reason:  "Steps do not run twice.",
			changes: true,
			starts:  true,
			want:    "False PodCreationFailed",
			dir:     "/old",
			stopped: true,
		},
		"Bound": {
			reason:  "A node that has the pod may have started its steps without having reported it yet.",
			changes: true,
			binds:   true,
			want:    "False PodCreationFailed",
			dir:     "/old",
			stopped: true,
		},
		"Running": {
			reason: "The pod of the same Task is taken over when its steps run.",
			starts: true,
			want:   "Unknown Running",
			dir:    "/old",
		},
		"Cancelled": {
			reason:    "A run that is cancelled meanwhile leaves no pod.",
			changes:   true,
			cancelled: true,
			want:      "False TaskRunCancelled",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "deploy", Namespace: "ci"}, Spec: v1.TaskSpec{Steps: []v1.Step{
				{Name: "one", Image: "busybox:1", Script: "true", WorkingDir: "/old"}, {Name: "two", Image: "busybox:1", Script: "true"},
			}}}
			w := newWorld(t,
				[]client.Object{task, taskRun(func(tr *v1.TaskRun) { tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "deploy"} })},
				interceptor.Funcs{})
			tr := w.pass(t)
			tr.Status = v1.TaskRunStatus{} // as if it had not been written
			if err := w.client.Status().Update(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
			if tc.changes {
				task = fetch(t, w, task, &v1.Task{})
				task.Spec.Steps[0].WorkingDir = "/new"
				if err := w.client.Update(t.Context(), task); err != nil {
					t.Fatal(err)
				}
			}
			if tc.binds {
				w.play(t, corev1.PodPending, waiting("ContainerCreating"), waiting("ContainerCreating"))
			}
			if tc.starts {
				w.play(t, corev1.PodRunning, running(), running())
			}
			if tc.cancelled {
				tr = fetch(t, w, tr, &v1.TaskRun{})
				tr.Spec.Status = v1.TaskRunSpecStatusCancelled
				if err := w.client.Update(t.Context(), tr); err != nil {
					t.Fatal(err)
				}
			}
			w.Reconciler = NewReconciler(w.deps) // another controller, which knows nothing of it
			w.pass(t)
			tr = w.pass(t)
			wantCondition(t, tr, tc.want)
			checkPodOf(t, w, tc.dir, tc.stopped)
			if spec := tr.Status.TaskSpec; tc.want == "Unknown Pending" && (spec == nil || spec.Steps[0].WorkingDir != tc.dir) {
				t.Errorf("%s: want the status to have the task of the pod, got %+v", tc.reason, spec)
			}
		})
	}
}

// checkPodOf holds the one pod that there is against the folder that its first step works in; without one, there must be no
// pod.
func checkPodOf(t *testing.T, w *world, dir string, stopped bool) {
	t.Helper()
	pods := w.pods(t)
	if dir == "" {
		if len(pods) > 0 {
			t.Errorf("want no pod, got %d", len(pods))
		}
		return
	}
	if len(pods) != 1 {
		t.Fatalf("want one pod, got %d", len(pods))
	}
	c := &pods[0].Spec.Containers[0]
	if works := c.WorkingDir + strings.Join(c.Args, " "); !strings.Contains(works, dir) ||
		(pods[0].Spec.ActiveDeadlineSeconds != nil) != stopped {
		t.Errorf("want a pod that works in %q, stopped: %v, got %q", dir, stopped, works)
	}
}
