package taskrun

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// withSidecars adds two sidecars in this state, and an init container that is no sidecar of the task.
func withSidecars(p *corev1.Pod, state corev1.ContainerState) *corev1.Pod {
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{
		{Name: "prepare", State: terminated(0, "")}, {Name: "sidecar-db", State: state}, {Name: "sidecar-new", State: state},
	}
	return p
}

// TestSidecarsOfAnEndedRun: when the pod has ended, the status has the last states of the sidecars, and nothing else changes.
func TestSidecarsOfAnEndedRun(t *testing.T) {
	over := terminated(0, record(0))
	stopped := terminated(143, "")
	state := func(name string, s corev1.ContainerState) v1.SidecarState {
		return v1.SidecarState{Name: name, Container: "sidecar-" + name, ContainerState: s}
	}
	seen := []v1.SidecarState{state("db", running()), state("other", running())}
	shown := stopped.DeepCopy()
	shown.Terminated.Message = ""
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		before []v1.SidecarState
		want   []v1.SidecarState
		writes int
	}{
		"Stopped": {
			reason: "the kubelet has stopped it; a container that the status does not have stays out",
			pod:    withSidecars(runPod(corev1.PodSucceeded, over, over), stopped),
			before: seen,
			want:   []v1.SidecarState{state("db", *shown), state("other", running())},
			writes: 1,
		},
		"PodRuns": {
			reason: "its pod has not ended",
			pod:    withSidecars(runPod(corev1.PodRunning, over, over, over), stopped),
			before: seen,
			want:   seen,
		},
		"Known": {
			reason: "the status has its end",
			pod:    withSidecars(runPod(corev1.PodSucceeded, over, over), stopped),
			before: []v1.SidecarState{state("db", terminated(3, ""))},
			want:   []v1.SidecarState{state("db", terminated(3, ""))},
		},
		"Waiting": {
			reason: "it could not start again, and the kubelet reports no end",
			pod:    withSidecars(runPod(corev1.PodSucceeded, over, over), waiting("CrashLoopBackOff")),
			before: []v1.SidecarState{state("db", running())},
			want:   []v1.SidecarState{state("db", waiting("CrashLoopBackOff"))},
			writes: 1,
		},
		"None": {
			reason: "a run without sidecars costs nothing",
			pod:    runPod(corev1.PodSucceeded, over, over),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(done, func(tr *v1.TaskRun) {
				tr.Status.CompletionTime, tr.Status.Sidecars = new(metav1.NewTime(epoch())), tc.before
				tr.Status.Results = []v1.TaskRunResult{{Name: "r", Value: v1.StringValue("whole")}}
			})
			w := newWorld(t, []client.Object{tr, tc.pod}, interceptor.Funcs{})
			for range 3 {
				if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: keyOf(tr)}); err != nil {
					t.Fatal(err)
				}
			}
			got := w.get(t)
			want := tr.Status.DeepCopy()
			want.Sidecars = tc.want
			if diff := cmp.Diff(*want, got.Status); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
			if w.patches != tc.writes {
				t.Errorf("%s: want %d writes, got %d", tc.reason, tc.writes, w.patches)
			}
		})
	}
}

// TestSidecarsThatCannotBeRecorded: an API server that always refuses the states is not asked without end. Another error is tried again.
func TestSidecarsThatCannotBeRecorded(t *testing.T) {
	group := schema.GroupResource{Resource: "taskruns"}
	for name, tc := range map[string]struct {
		refusal error
		again   bool
	}{
		"Invalid":  {refusal: apierrors.NewBadRequest("no")},
		"TooLarge": {refusal: apierrors.NewRequestEntityTooLargeError("too large")},
		"Gone":     {refusal: apierrors.NewNotFound(group, "build")},
		"Other":    {refusal: apierrors.NewConflict(group, "build", errors.New("another UID"))},
		"Down":     {refusal: apierrors.NewInternalError(errors.New("down")), again: true},
	} {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(done, func(tr *v1.TaskRun) {
				tr.Status.Sidecars = []v1.SidecarState{{Name: "db", Container: "sidecar-db", ContainerState: running()}}
			})
			p := withSidecars(runPod(corev1.PodSucceeded, terminated(0, "")), terminated(0, ""))
			w := newWorld(t, []client.Object{tr, p}, interceptor.Funcs{
				SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
					return tc.refusal
				},
			})
			if err := w.recordSidecars(t.Context(), tr, p); (err != nil) != tc.again {
				t.Errorf("want another try: %t, got %v", tc.again, err)
			}
		})
	}
}
