package reconcile

import (
	"errors"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial"
)

// TestStatusOfShortenedRun: no status is computed from a run of which the cache has only a part. Its results would be lost. There is no
// client here, so a request would panic.
func TestStatusOfShortenedRun(t *testing.T) {
	run := &v1.TaskRun{}
	partial.FinishedTaskRun.Put(run)
	statuses := Statuses[*v1.TaskRun, v1.TaskRunStatus]{Kind: Kind[*v1.TaskRun, v1.TaskRunStatus]{
		Name:   v1.KindTaskRun,
		Status: func(tr *v1.TaskRun) *v1.TaskRunStatus { return &tr.Status },
	}}
	next := v1.TaskRunStatus{PodName: "pod"}
	for name, err := range map[string]error{
		"change":  statuses.write(t.Context(), run, next),
		"replace": statuses.replace(t.Context(), run, next),
	} {
		if _, ok := errors.AsType[*partial.Error](err); !ok || Classify(err) != Transient {
			t.Errorf("%s: want the write refused, and the run as it is, got %v", name, err)
		}
	}
}
