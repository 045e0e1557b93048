package traces_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/test/testutil/otlpreceiver"
)

// TestTurnedOff: what was queued before traces were turned off is not sent, because the endpoint is another one then: the default.
func TestTurnedOff(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	_, tr, _ := makeRuns(t)
	b := newBench(t, on(receiver))
	b.TaskRun(tr)
	b.store.SetTracing(config.Tracing{Endpoint: receiver.URL()})
	b.drain(t)
	if n := receiver.Requests(); n != 0 || len(b.waits) != 0 {
		t.Errorf("want no request and no wait, got %d and %v", n, b.waits)
	}
	if diff := cmp.Diff(map[string]int{"runs failed": 1, "spans failed": 6}, b.meter.counts); diff != "" {
		t.Errorf("counts: -want, +got:\n%s", diff)
	}
	if !strings.Contains(b.log.String(), "turned off") {
		t.Errorf("want the cause in the log, got %s", b.log.String())
	}
}

// TestTextThatIsNotUTF8: protobuf cannot encode it, and the spans of other runs in the same message would be lost.
func TestTextThatIsNotUTF8(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	_, tr, _ := makeRuns(t)
	b := newBench(t, on(receiver))
	b.TaskRun(tr)
	hostile := tr.DeepCopy()
	hostile.UID, hostile.Status.Conditions[0].Message = "hostile", "\xff"
	hostile.Status.SpanContext["tracestate"], hostile.Labels[v1.LabelTask] = "k=\xff", "\xff"
	b.TaskRun(hostile)
	b.drain(t)
	if diff := cmp.Diff(map[string]int{"runs sent": 2, "spans sent": 12}, b.meter.counts); diff != "" {
		t.Errorf("counts: -want, +got:\n%s", diff)
	}
	if err := receiver.Check(); err != nil {
		t.Error(err)
	}
}

// TestQueueIsBoundedByParts: runs of thousands of tasks do not need more memory than many small ones.
func TestQueueIsBoundedByParts(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	pr, tr, _ := makeRuns(t)
	b := newBench(t, on(receiver))
	const tasks, most, more = 6000, 3, 2
	pr.Status.ChildReferences = nil
	pr.Status.PipelineSpec = &v1.PipelineSpec{Finally: make([]v1.PipelineTask, tasks)}
	for i := range most + more {
		pr.UID = types.UID(fmt.Sprint("pr-", i))
		b.PipelineRun(pr)
	}
	b.TaskRun(tr) // a small one still has room
	if diff := cmp.Diff(map[string]int{"runs queue-full": more}, b.meter.counts); diff != "" {
		t.Errorf("counts: -want, +got:\n%s", diff)
	}
	b.drain(t)
	pr.Status.PipelineSpec.Finally = make([]v1.PipelineTask, 5*tasks)
	b.PipelineRun(pr) // more than fit, and the queue is empty
	b.drain(t)
	if n := b.meter.counts["runs sent"]; n != most+2 {
		t.Errorf("want %d runs sent, got %d", most+2, n)
	}
}
