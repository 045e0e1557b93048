package taskrun

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestRequests holds what a run costs the API server, from its beginning to its end: one controller has to keep up with
// thousands of them.
func TestRequests(t *testing.T) {
	task := &v1.Task{
		ObjectMeta: metav1.ObjectMeta{Name: "t", Namespace: "ci", Labels: map[string]string{"team": "a"}},
		Spec:       *taskRun().Spec.TaskSpec,
	}
	referring := func(tr *v1.TaskRun) { tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "t"} }
	cases := map[string]struct {
		reason  string
		tr      *v1.TaskRun
		objects []client.Object
		want    map[string]int
	}{
		"Embedded": {
			reason: "one pod, one look at the service account, and a status for each thing that there is to say",
			tr:     taskRun(),
			want: map[string]int{
				"create *v1.Pod": 1, "get *v1.ServiceAccount": 1, "patch status of TaskRun, answered with its metadata": 3,
			},
		},
		"Referenced": {
			reason:  "one more write, for the labels of the Task",
			tr:      taskRun(referring),
			objects: []client.Object{task},
			want: map[string]int{
				"create *v1.Pod": 1, "get *v1.ServiceAccount": 1, "patch status of TaskRun, answered with its metadata": 3, "patch *v1.TaskRun": 1,
			},
		},
		"Labelled": {
			reason: "which is not made where they are there",
			tr: taskRun(referring, func(tr *v1.TaskRun) {
				tr.Labels = map[string]string{"team": "a", v1.LabelTask: "t"}
			}),
			objects: []client.Object{task},
			want: map[string]int{
				"create *v1.Pod": 1, "get *v1.ServiceAccount": 1, "patch status of TaskRun, answered with its metadata": 3,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append(tc.objects, tc.tr), interceptor.Funcs{})
			w.pass(t)
			w.unchanged(t, "the pod has been made")
			creating := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
			w.play(t, corev1.PodPending, creating, creating)
			w.unchanged(t, "the kubelet is about to start the steps")
			w.play(t, corev1.PodRunning, running(), running())
			w.pass(t)
			w.unchanged(t, "the steps run")
			w.play(t, corev1.PodSucceeded, terminated(0, record(0)), terminated(0, record(0)))
			w.pass(t)
			w.unchanged(t, "the run has ended")
			if diff := cmp.Diff(tc.want, w.requests); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// unchanged makes passes that find nothing new.
func (w *world) unchanged(t *testing.T, when string) {
	t.Helper()
	before := maps.Clone(w.requests)
	for range 3 {
		w.pass(t)
	}
	if diff := cmp.Diff(before, w.requests); diff != "" {
		t.Errorf("%s, and nothing new is to be found: a pass makes no request: -want +got:\n%s", when, diff)
	}
}
