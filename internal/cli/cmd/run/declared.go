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
	"github.com/sluice-ci/sluice/internal/cli/remote"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/resolvers/content"
)

// declaredParams returns the params that the run's Task or Pipeline declares: its own definition, or one in the cluster, where the
// definitions of the files already are, or the one of a reference to a resolver. It returns nil if they are unknown.
func (o *Options) declaredParams(ctx context.Context, c *cluster.Cluster, run *unstructured.Unstructured) []v1.ParamSpec {
	typed := runs.New(run.GetKind())
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(run.Object, typed.Object()); err != nil {
		return nil // the server reports the error
	}
	key := client.ObjectKey{Namespace: run.GetNamespace()}
	if tr := typed.TaskRun; tr != nil {
		ref := tr.Spec.TaskRef
		if ref == nil || tr.Spec.TaskSpec != nil {
			return nil // a spec also sees params that it does not declare
		}
		if ref.Resolver != "" {
			return o.declaredElsewhere(ctx, c, key.Namespace, &ref.ResolverRef)
		}
		var task v1.Task
		if key.Name = ref.Name; c.Client.Get(ctx, key, &task) == nil {
			return append([]v1.ParamSpec{}, task.Spec.Params...)
		}
		return nil
	}
	ref := typed.PipelineRun.Spec.PipelineRef
	if ref == nil {
		return nil
	}
	if ref.Resolver != "" {
		return o.declaredElsewhere(ctx, c, key.Namespace, &ref.ResolverRef)
	}
	var pipeline v1.Pipeline
	if key.Name = ref.Name; c.Client.Get(ctx, key, &pipeline) == nil {
		return append([]v1.ParamSpec{}, pipeline.Spec.Params...)
	}
	return nil
}

// declaredElsewhere returns the params of the definition of a reference to a resolver: the one in the checkout of the present folder,
// if the reference names its repository, or the one that the cluster reads. If it cannot be read, a note says that the params are not
// checked, and the run says why it fails.
func (o *Options) declaredElsewhere(ctx context.Context, c *cluster.Cluster, namespace string, ref *v1.ResolverRef) []v1.ParamSpec {
	text, known, err := checkout.NewReader().Read(".", ref)
	if err == nil && !known {
		if !remote.Constant(ref) {
			o.Terminal.Notef("the params are not checked: the reference to resolver %q has variables", terminal.Clean(ref.Resolver))
			return nil
		}
		text, err = readThere(ctx, &remote.Reader{Client: c.Client, Namespace: namespace, Timeout: remote.Timeout}, ref)
	}
	var definition struct {
		Spec struct {
			Params []v1.ParamSpec `json:"params"`
		} `json:"spec"`
	}
	if err == nil {
		err = yaml.Unmarshal(text, &definition)
	}
	if err != nil {
		o.Terminal.Notef("the params are not checked: %s", terminal.Clean(err.Error()))
		return nil
	}
	return append([]v1.ParamSpec{}, definition.Spec.Params...)
}

// readThere reads a definition through the cluster.
func readThere(ctx context.Context, reader *remote.Reader, ref *v1.ResolverRef) ([]byte, error) {
	found, err := reader.Read(ctx, ref)
	if err != nil {
		return nil, err
	}
	return found.Content, content.Check(found.Content)
}
