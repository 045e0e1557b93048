package run

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/checkout"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// declaredParams returns the params that the run's Task or Pipeline declares: its own definition, or one in the cluster,
// where the definitions of the files already are, or one of the checkout of the present folder. It returns nil if they are
// unknown, for example with other resolvers.
func declaredParams(ctx context.Context, c *cluster.Cluster, run *unstructured.Unstructured) []v1.ParamSpec {
	typed := runs.New(run.GetKind())
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(run.Object, typed.Object()); err != nil {
		return nil // the server reports the error
	}
	if params, ok := declaredHere(typed); ok {
		return params
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

// declaredHere returns the params of a definition that the run refers to in the repository of the present folder. It returns false
// for any other reference.
func declaredHere(run runs.Run) ([]v1.ParamSpec, bool) {
	var ref *v1.ResolverRef
	switch {
	case run.TaskRun != nil && run.TaskRun.Spec.TaskRef != nil:
		ref = &run.TaskRun.Spec.TaskRef.ResolverRef
	case run.PipelineRun != nil && run.PipelineRun.Spec.PipelineRef != nil:
		ref = &run.PipelineRun.Spec.PipelineRef.ResolverRef
	default:
		return nil, false
	}
	text, known, err := checkout.NewReader().Read(".", ref)
	var definition struct {
		Spec struct {
			Params []v1.ParamSpec `json:"params"`
		} `json:"spec"`
	}
	if err != nil || !known || yaml.Unmarshal(text, &definition) != nil {
		return nil, false
	}
	return append([]v1.ParamSpec{}, definition.Spec.Params...), true
}
