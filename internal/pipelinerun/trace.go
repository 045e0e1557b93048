package pipelinerun

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/tracecontext"
)

// spanContext returns the trace of a run, and logs an annotation of the run that cannot be used for it.
func spanContext(ctx context.Context, pr *v1.PipelineRun, c config.Config) map[string]string {
	of, err := tracecontext.OfPipelineRun(pr, c.Tracing.Enabled)
	if err != nil {
		log.FromContext(ctx).Error(err, "the PipelineRun is not in the trace that its annotation names")
	}
	return of
}

// traced adds to the annotations of a task's child its place in the trace of the run, instead of the place of the run.
func (b *childBuilder) traced(annotations map[string]string, task *v1.PipelineTask) {
	if b.spanContext == "" {
		return
	}
	key := v1.AnnotationTaskRunSpanContext
	if task.Nested() {
		key = v1.AnnotationPipelineRunSpanContext
	}
	annotations[key] = b.spanContext
}
