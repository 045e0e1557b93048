package sweep

import (
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/retention"
)

// TestPassReadsTheMark: the events of a run with a stamp are sent when the mark says so, which does not change the run. So the next pass is
// soon. Without it, the run stayed for ten minutes.
func TestPassReadsTheMark(t *testing.T) {
	stamped := finished("stamped", 1, "10", func(tr *v1.TaskRun) {
		tr.Status.Annotations = map[string]string{v1.AnnotationEvents: "3 3:successful @7.16"}
	})
	b := newBench(t, keepNone(), ownership.Rule{}, stamped)
	values := b.Config.Load()
	values.Events.Sink = "http://sink.example"
	b.Config, b.Sent = config.NewStore(values), &mark.Current{}
	if result, err := b.pass(t); err != nil || result.RequeueAfter != retention.Settle || len(b.deletes) != 0 {
		t.Errorf("want the run to stay, and another pass soon, got %+v, %q, %v", result, b.deletes, err)
	}
	b.clock.Step(retention.Settle)
	b.Sent.Store(mark.Mark{}.With(mark.Stamp{Epoch: 7, Batch: 16}))
	if _, err := b.pass(t); err != nil || len(b.deletes) != 1 || len(b.events()) != 0 {
		t.Errorf("want the run deleted, got %q, %v", b.deletes, err)
	}
}
