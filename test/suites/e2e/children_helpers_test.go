//go:build e2e

package e2e

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// startPipeline creates a PipelineRun and does not wait for it.
func startPipeline(t *testing.T, n *suite.Namespace, spec v1.PipelineRunSpec) *v1.PipelineRun {
	t.Helper()
	run := &v1.PipelineRun{Spec: spec}
	run.Namespace, run.GenerateName = n.Name, "pipeline-"
	if err := kube.Create(t.Context(), n.Client, run); err != nil {
		t.Fatal(err)
	}
	return run
}

// awaitObject waits until an object is there, and done returns true for it.
func awaitObject[T client.Object](t *testing.T, n *suite.Namespace, name string, o T, done func(T) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		if err := n.Client.Get(ctx, client.ObjectKey{Namespace: n.Name, Name: name}, o); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		return done(o), nil
	})
	if err != nil {
		t.Fatalf("%T %q: %v", o, name, err)
	}
}

// cancelPipeline cancels a run, and waits for its end.
func cancelPipeline(t *testing.T, n *suite.Namespace, run *v1.PipelineRun) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"status":"Cancelled"}}`))
	if err := n.Client.Patch(t.Context(), run, patch); err != nil {
		t.Fatal(err)
	}
	n.FinishPipeline(t, run)
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonCancelled, "was cancelled")
}
