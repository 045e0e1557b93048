package taskrun

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/tracecontext"
)

// spanContext returns the trace of a run, and logs an annotation of the run that cannot be used for it.
func spanContext(ctx context.Context, tr *v1.TaskRun, c config.Config) map[string]string {
	of, err := tracecontext.OfTaskRun(tr, c.Tracing.Enabled)
	if err != nil {
		log.FromContext(ctx).Error(err, "the TaskRun is not in the trace that its annotation names")
	}
	return of
}
