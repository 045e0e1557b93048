package resolve

import (
	"context"
	"fmt"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Pipeline returns the pipeline of a reference, as it is stored, and its source if it came through a resolver. Errors are as
// those of Task.
func (r *Resolver) Pipeline(ctx context.Context, run Run, ref *v1.PipelineRef) (*v1.Pipeline, *v1.RefSource, error) {
	pipeline := &v1.Pipeline{}
	if ref.Resolver != "" {
		source, err := r.fetch(ctx, v1.KindPipeline, run, &ref.ResolverRef, pipeline)
		return pipeline, source, err
	}
	if ref.Name == "" {
		return nil, nil, fmt.Errorf("%w: pipelineRef.name: is empty; give the name of a Pipeline", ErrUnresolvable)
	}
	namespace := run.Object.GetNamespace()
	if err := r.get(ctx, namespace, ref.Name, pipeline); err != nil {
		return nil, nil, fmt.Errorf("cannot get Pipeline %q of namespace %q: %w", ref.Name, namespace, err)
	}
	return pipeline, nil, nil
}
