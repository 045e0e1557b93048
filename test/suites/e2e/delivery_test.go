//go:build e2e

package e2e

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestDeliveryFollowsTheVersion: without a flag, the version of the API server decides how pods get the in-pod binary.
func TestDeliveryFollowsTheVersion(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{kube.Script("none", "true")}})
	suite.WantSucceeded(t, run.Status.Condition())
	wantDelivery(t, n.AwaitPodEnd(t, run), ofTheVersion(t, n))
}

// ofTheVersion returns how pods get the in-pod binary on the version of the API server.
func ofTheVersion(t *testing.T, n *suite.Namespace) pod.Delivery {
	t.Helper()
	server, err := n.Kube.Discovery().ServerVersion()
	if err != nil {
		t.Fatalf("cannot read the version of the API server: %v", err)
	}
	delivery, err := pod.DeliveryFor("auto", server.Major, server.Minor)
	if err != nil {
		t.Fatal(err)
	}
	return delivery
}

// TestInitContainerDelivery: with --inpod-delivery=init-container, runs are the same on each version of Kubernetes.
func TestInitContainerDelivery(t *testing.T) {
	deliverUntilEnd(t, suite.NewNamespace(t), pod.InitContainer)
	bothWays(t, named{
		"a later step reads what an earlier one wrote":    shared,
		"a step that fails keeps what it wrote":           keptOnFailure,
		"a user's sidecar runs beside the steps and ends": besideSteps,
		"an image that cannot be pulled is named":         unpullable,
		"the pod has no image volume": func(t *testing.T, n *suite.Namespace) {
			run := n.Task(t, v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{kube.Script("write", "printf x > $(results.digest.path)")}})
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run)["digest"].String; got != "x" {
				t.Errorf("the result: got %q, want x", got)
			}
			wantDelivery(t, n.AwaitPodEnd(t, run), pod.InitContainer)
		},
	})
}

// deliverUntilEnd sets the delivery of the in-pod binary until the test ends.
func deliverUntilEnd(t *testing.T, n *suite.Namespace, delivery pod.Delivery) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	restore, err := n.ChangeController(ctx, func(p *corev1.PodSpec) {
		p.Containers[0].Args = append(p.Containers[0].Args, "--inpod-delivery="+string(delivery))
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
		defer cancel()
		if err := restore(ctx); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantDelivery fails the test unless the pod got the in-pod binary in this way, and in no other.
func wantDelivery(t *testing.T, p *corev1.Pod, want pod.Delivery) {
	t.Helper()
	images := slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.Image != nil })
	copies := slices.ContainsFunc(p.Status.InitContainerStatuses, func(s corev1.ContainerStatus) bool {
		return s.Name == "prepare" && s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
	})
	if images != (want == pod.ImageVolume) || copies != (want == pod.InitContainer) {
		t.Errorf("pod %s: want the delivery %s; it has an image volume: %t, an init container that copied the binary: %t",
			p.Name, want, images, copies)
	}
}
