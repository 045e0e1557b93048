package timelines_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/timelines"
	"github.com/sluice-ci/sluice/internal/scheme"
	"github.com/sluice-ci/sluice/internal/timeline"
)

var begin = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

func at(seconds int) metav1.Time {
	return metav1.NewTime(begin.Add(time.Duration(seconds) * time.Second))
}

func meta(name string, created int, labels ...string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: "ci", Name: name, CreationTimestamp: at(created), Labels: map[string]string{}}
	for i := 0; i+1 < len(labels); i += 2 {
		m.Labels[labels[i]] = labels[i+1]
	}
	return m
}

// objects are a PipelineRun with one child of each kind; the inner PipelineRun has a TaskRun with a pod.
func objects() (*v1.PipelineRun, []client.Object) {
	outer := &v1.PipelineRun{ObjectMeta: meta("outer", 0)}
	inner := &v1.PipelineRun{ObjectMeta: meta("outer-inner", 2, v1.LabelPipelineRun, "outer")}
	outer.Status.StartTime, inner.Status.StartTime = new(at(1)), new(at(3))
	outer.Status.ChildReferences = []v1.ChildReference{
		{Kind: v1.KindPipelineRun, Name: "outer-inner", PipelineTaskName: "inner"},
		{Kind: v1beta1.KindCustomRun, Name: "outer-custom", PipelineTaskName: "custom"},
		{Kind: v1beta1.KindCustomRun, Name: "outer-gone", PipelineTaskName: "gone"},
	}
	inner.Status.ChildReferences = []v1.ChildReference{{Kind: v1.KindTaskRun, Name: "leaf", PipelineTaskName: "leaf"}}
	leaf := &v1.TaskRun{ObjectMeta: meta("leaf", 4, v1.LabelPipelineRun, "outer-inner", v1.LabelPipelineTask, "leaf")}
	leaf.Status.StartTime, leaf.Status.PodName = new(at(5)), "leaf-pod"
	pod := &corev1.Pod{ObjectMeta: meta("leaf-pod", 6, v1.LabelPipelineRun, "outer-inner", v1.LabelTaskRun, "leaf")}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: at(8)}}
	custom := &v1beta1.CustomRun{ObjectMeta: meta("outer-custom", 2, v1.LabelPipelineRun, "outer")}
	return outer, []client.Object{outer, inner, leaf, pod, custom}
}

func names(s *timeline.Span) []string {
	all := []string{string(s.Kind) + ":" + s.Name}
	for i := range s.Children {
		all = append(all, names(&s.Children[i])...)
	}
	return all
}

// TestRead: the timeline has all children, and the phases of pods unless the user may not list pods.
func TestRead(t *testing.T) {
	forbidden := func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		if _, ok := list.(*corev1.PodList); ok {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", nil)
		}
		return c.List(ctx, list, opts...)
	}
	cases := map[string]struct {
		reason string
		funcs  interceptor.Funcs
		want   []string
	}{
		"Pods": {
			reason: "the phases of the pod are there",
			want:   []string{"taskrun:leaf", "queue:queue", "resolve:resolve", "schedule:schedule", "init:init"},
		},
		"Forbidden": {
			reason: "they are one phase",
			funcs:  interceptor.Funcs{List: forbidden},
			want:   []string{"taskrun:leaf", "queue:queue", "pod:pod"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			known, err := scheme.New()
			if err != nil {
				t.Fatal(err)
			}
			outer, all := objects()
			c := &cluster.Cluster{
				Namespace: "ci", Client: fake.NewClientBuilder().WithScheme(known).WithObjects(all...).WithInterceptorFuncs(tc.funcs).Build(),
			}
			snapshot, err := runs.Read(t.Context(), c, runs.OfPipeline(outer))
			if err != nil {
				t.Fatal(err)
			}
			s, err := timelines.Read(t.Context(), c, snapshot, begin.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			want := append([]string{
				"pipelinerun:outer", "queue:queue", "resolve:resolve", "pipelinerun:inner", "queue:queue", "resolve:resolve",
			}, tc.want...)
			if diff := cmp.Diff(append(want, "customrun:custom"), names(&s)); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
