package taskrun

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/traces"
	"github.com/sluice-ci/sluice/test/testutil/otlpreceiver"
)

// uncounted counts nothing.
type uncounted struct{}

func (uncounted) Runs(traces.Outcome, int)  {}
func (uncounted) Spans(traces.Outcome, int) {}

const outerSpan = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestTraceOfTaskRun: a TaskRun is in the trace that its annotation names, and its spans are sent once, whatever else happens: here each
// second write of a status is a conflict, and another controller takes over at each reconcile.
func TestTraceOfTaskRun(t *testing.T) {
	receiver := otlpreceiver.New()
	defer receiver.Close()
	w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) {
		tr.Annotations = map[string]string{v1.AnnotationTaskRunSpanContext: `{"traceparent":"` + outerSpan + `"}`}
	})}, conflicts())
	w.deps.Config.SetTracing(config.Tracing{Enabled: true, Endpoint: receiver.URL()})
	var workers []manager.Runnable
	passes := func() {
		for range 3 {
			w.deps.Traces = traces.New(traces.Options{
				Cache: w.deps.Client, Live: w.deps.Live, Config: w.deps.Config, Meter: uncounted{}, Log: testr.New(t),
				Now: w.deps.Clock.Now, After: time.After, Start: func(r manager.Runnable) error {
					workers = append(workers, r)
					return nil
				},
			})
			w.Reconciler = NewReconciler(w.deps)
			w.pass(t)
		}
	}
	passes()
	w.play(t, corev1.PodRunning, running(), running())
	passes()
	if got := w.get(t).Status.SpanContext["traceparent"]; got != outerSpan {
		t.Errorf("want the trace of the annotation in the status, got %q", got)
	}
	w.play(t, corev1.PodSucceeded, terminated(0, record(0)), terminated(0, record(0)))
	passes()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, worker := range workers {
		if err := worker.Start(ended); err != nil {
			t.Error(err)
		}
	}
	if err := receiver.Check(); err != nil {
		t.Error(err)
	}
	spans := receiver.Spans()
	if len(spans) == 0 || spans[0].Parent != "b7ad6b7169203331" || spans[0].Trace != "0af7651916cd43dd8448eb211c80319c" {
		t.Fatalf("want the TaskRun within the span of its annotation, got %+v", spans)
	}
	steps := 0
	for _, s := range spans {
		if s.Attributes["k8s.container.name"] != "" {
			steps++
		}
	}
	if steps != 2 || len(workers) != 1 {
		t.Errorf("want two steps from one controller, got %d from %d", steps, len(workers))
	}
}

// TestNoTraceOfTaskRun: with tracing off, an annotation has no effect.
func TestNoTraceOfTaskRun(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(func(tr *v1.TaskRun) {
		tr.Annotations = map[string]string{v1.AnnotationTaskRunSpanContext: `{"traceparent":"` + outerSpan + `"}`}
	})}, interceptor.Funcs{})
	w.pass(t)
	if got := w.get(t).Status; got.SpanContext != nil || got.StartTime == nil {
		t.Errorf("want a run without a trace, got %+v", got)
	}
}
