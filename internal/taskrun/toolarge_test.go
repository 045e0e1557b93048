package taskrun

import (
	"context"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestReconcileTooLarge: peers let etcd refuse a status forever (#6076). Even if the computed size is wrong, the run ends.
func TestReconcileTooLarge(t *testing.T) {
	refusals := 0
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if refusals++; refusals == 1 {
				return apierrors.NewInternalError(errors.New("etcdserver: request is too large"))
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	wantCondition(t, w.pass(t), "False TaskRunResultLargerThanAllowedLimit")
}

func TestReconcileLargeTask(t *testing.T) {
	large := strings.Repeat("x", 900_000)
	spec := v1.TaskSpec{Steps: []v1.Step{{Image: "busybox:1", Script: large}}}
	t.Run("Embedded", func(t *testing.T) {
		w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) { tr.Spec.TaskSpec = &spec })}, interceptor.Funcs{})
		if tr := w.pass(t); reason(tr) != "Unknown Pending" || tr.Status.TaskSpec != nil {
			t.Errorf("a task that fits once, not twice, runs and stays in spec.taskSpec, got %s, recorded %v", reason(tr), tr.Status.TaskSpec != nil)
		}
	})
	t.Run("Referenced", func(t *testing.T) {
		task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "large", Namespace: "ci"}, Spec: spec}
		w := newWorld(t, []client.Object{task, taskRun(func(tr *v1.TaskRun) {
			tr.Spec.TaskSpec, tr.Spec.TaskRef = nil, &v1.TaskRef{Name: "large"}
			tr.Spec.Params = []v1.Param{{Name: "p", Value: v1.StringValue(large)}}
		})}, interceptor.Funcs{})
		wantCondition(t, w.pass(t), "False TaskRunValidationFailed", "more than the limit of 1556480")
	})
}
