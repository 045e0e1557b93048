package run

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// declaredParams returns the params that the run's Task or Pipeline declares: its own definition, or one in the cluster,
// where the definitions of the files already are. It returns nil if they are unknown, for example with resolvers.
func declaredParams(ctx context.Context, c *cluster.Cluster, run *unstructured.Unstructured) []v1.ParamSpec {
	typed := runs.New(run.GetKind())
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(run.Object, typed.Object()); err != nil {
		return nil // the server reports the error
	}
	key := client.ObjectKey{Namespace: run.GetNamespace()}
	if tr := typed.TaskRun; tr != nil {
		if tr.Spec.TaskSpec != nil {
			return nil // it also sees params that it does not declare
		}
		var task v1.Task
		if ref := tr.Spec.TaskRef; ref != nil && ref.Name != "" {
			key.Name = ref.Name
			if c.Client.Get(ctx, key, &task) == nil {
				return append([]v1.ParamSpec{}, task.Spec.Params...)
			}
		}
		return nil
	}
	var pipeline v1.Pipeline
	if ref := typed.PipelineRun.Spec.PipelineRef; ref != nil && ref.Name != "" {
		key.Name = ref.Name
		if c.Client.Get(ctx, key, &pipeline) == nil {
			return append([]v1.ParamSpec{}, pipeline.Spec.Params...)
		}
	}
	return nil
}
