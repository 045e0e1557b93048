//go:build e2e

package e2e

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestCancel cancels a run whose first step has written a result and whose second would run for an hour.
func TestCancel(t *testing.T) {
	n := suite.NewNamespace(t)
	t.Run("the pod goes", func(t *testing.T) {
		run := cancelled(t, n)
		ctx, stop := context.WithTimeout(t.Context(), suite.Patience)
		defer stop()
		err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
			_, err := n.Kube.CoreV1().Pods(n.Name).Get(ctx, run.Status.PodName, metav1.GetOptions{})
			return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
		})
		if err != nil {
			t.Errorf("the pod is still there: %v", err)
		}
	})
	t.Run("the pod is kept", func(t *testing.T) {
		if err := n.PatchFlags(t.Context(), map[string]any{"keep-pod-on-cancel": "true"}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.PatchFlags(context.Background(), map[string]any{"keep-pod-on-cancel": nil}); err != nil {
				t.Error(err)
			}
		})
		run := cancelled(t, n)
		pod := n.AwaitPodEnd(t, run)
		if got := n.Log(t.Context(), n.Name, pod.Name, "step-quick"); got != "done\n" {
			t.Errorf("the pod's logs stay: got %q", got)
		}
	})
}

func cancelled(t *testing.T, n *suite.Namespace) *v1.TaskRun {
	t.Helper()
	run := n.Start(t, v1.TaskRunSpec{Retries: 2, TaskSpec: &v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("r", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("quick", "printf x > $(results.r.path); echo done"), kube.Script("slow", "exec sleep 3600")},
	}})
	n.Await(t, run, func(run *v1.TaskRun) bool {
		return len(run.Status.Steps) == 2 && run.Status.Steps[1].Running != nil
	})
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":"TaskRunCancelled","statusMessage":"not needed"}}`))
	if err := n.Client.Patch(t.Context(), run, patch); err != nil {
		t.Fatal(err)
	}
	n.Finish(t, run)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonCancelled, "was cancelled: not needed")
	for _, s := range run.Status.Steps {
		if s.Terminated == nil {
			t.Errorf("step %q is reported as running: %+v", s.Name, s.ContainerState)
		}
	}
	if len(run.Status.RetriesStatus) != 0 {
		t.Errorf("a cancelled run was retried %d times", len(run.Status.RetriesStatus))
	}
	return run
}

// TestCancelWhilePending cancels a run whose pod no node accepts.
func TestCancelWhilePending(t *testing.T) {
	n := suite.NewNamespace(t)
	step := kube.Script("never", "true")
	step.ComputeResources.Requests = corev1.ResourceList{corev1.ResourceCPU: *quantity("1000")}
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{step}}})
	n.Await(t, run, func(run *v1.TaskRun) bool {
		c := run.Status.Condition()
		return c != nil && c.Reason == v1.TaskRunReasonExceededNodeResources
	})
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":"TaskRunCancelled"}}`))
	if err := n.Client.Patch(t.Context(), run, patch); err != nil {
		t.Fatal(err)
	}
	n.Finish(t, run)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonCancelled)
}
