package pipelinerun

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/tracecontext"
	"github.com/sluice-ci/sluice/internal/traces"
	"github.com/sluice-ci/sluice/test/testutil/otlpreceiver"
)

// uncounted counts nothing.
type uncounted struct{}

func (uncounted) Runs(traces.Outcome, int)  {}
func (uncounted) Spans(traces.Outcome, int) {}

// tracing makes the cluster send spans to a receiver. Each controller sends what it has queued when end is called.
func (c *cluster) tracing(t *testing.T, receiver *otlpreceiver.Receiver) (restart, end func()) {
	t.Helper()
	c.config.SetTracing(config.Tracing{Enabled: true, Endpoint: receiver.URL()})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var workers []manager.Runnable
	restart = func() {
		c.traces = traces.New(traces.Options{
			Cache: c, Live: c, Config: c.config, Meter: uncounted{}, Log: testr.New(t), Now: c.clock.Now, After: time.After,
			Start: func(r manager.Runnable) error {
				workers = append(workers, r)
				return nil
			},
		})
		c.restart(t, interceptor.Funcs{})
	}
	restart()
	return restart, func() {
		for _, w := range workers {
			if err := w.Start(ended); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestOneTrace: a run has one trace although each of its reconciles is made by another controller. Its children are in it, those of an
// inner PipelineRun too, and each PipelineRun is sent once.
func TestOneTrace(t *testing.T) {
	pr := run(plain("first"), nested(t, "more", v1.PipelineSpec{Tasks: []v1.PipelineTask{plain("leaf")}}))
	receiver := otlpreceiver.New()
	defer receiver.Close()
	c := newCluster(t, interceptor.Funcs{}, pr)
	restart, end := c.tracing(t, receiver)
	for range 3 {
		pr, _ = c.pass(t, pr)
		restart()
	}
	own, parent, ok := tracecontext.Own(pr.Status.SpanContext, pr.UID)
	if !ok || parent != [8]byte{} {
		t.Fatalf("want a trace that begins with the run, got %v", pr.Status.SpanContext)
	}
	inner := c.pipelineRun(t, pr, "more", -1)
	for key, annotations := range map[string]map[string]string{
		v1.AnnotationTaskRunSpanContext:     c.child(t, pr, "first", -1).Annotations,
		v1.AnnotationPipelineRunSpanContext: inner.Annotations,
	} {
		if want := `{"traceparent":"` + own.String() + `"}`; annotations[key] != want {
			t.Errorf("want annotation %s %s, got %q", key, want, annotations[key])
		}
	}
	c.end(t, pr, "first", v1.Succeeded("done"))
	pr = c.settleAll(t, pr)
	c.endOf(t, c.leaf(t), v1.Succeeded("done"))
	for range 3 {
		restart()
		pr = c.settleAll(t, pr)
	}
	wantCondition(t, pr, "True", v1.PipelineRunReasonSucceeded)
	end()
	if err := receiver.Check(); err != nil {
		t.Error(err)
	}
	var runs []string
	for _, s := range receiver.Spans() {
		if s.Trace != strings.Split(own.String(), "-")[1] {
			t.Errorf("span %q is in another trace", s.Name)
		}
		if name, found := s.Attributes["pipelinerun"]; found {
			runs = append(runs, name)
		}
	}
	if diff := cmp.Diff([]string{inner.Name, pr.Name}, runs); diff != "" {
		t.Errorf("runs that were sent: -want, +got:\n%s", diff)
	}
}

// TestNoTrace: with tracing off, neither a status nor a child has anything of it, and nothing is sent.
func TestNoTrace(t *testing.T) {
	pr := run(plain("first"))
	receiver := otlpreceiver.New()
	defer receiver.Close()
	c := newCluster(t, interceptor.Funcs{}, pr)
	_, end := c.tracing(t, receiver)
	c.config.SetTracing(config.Tracing{Endpoint: receiver.URL()})
	pr = c.settle(t, pr)
	if child := c.child(t, pr, "first", -1); pr.Status.SpanContext != nil || child.Annotations[v1.AnnotationTaskRunSpanContext] != "" {
		t.Errorf("want no trace, got %v and %v", pr.Status.SpanContext, child.Annotations)
	}
	c.end(t, pr, "first", v1.Succeeded("done"))
	c.config.SetTracing(config.Tracing{Enabled: true, Endpoint: receiver.URL()})
	pr = c.settle(t, pr)
	wantCondition(t, pr, "True", v1.PipelineRunReasonSucceeded)
	end()
	if spans := receiver.Spans(); len(spans) > 1 {
		t.Errorf("got %d spans", len(spans))
	}
}
