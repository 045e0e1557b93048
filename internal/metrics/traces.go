package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/traces"
)

// Traces counts what has become of the spans of runs.
type Traces struct{ runs, spans *prometheus.CounterVec }

// newTraces returns the counts, all at 0.
func newTraces(s *Set) *Traces {
	t := &Traces{runs: add(s, counter(tracedRuns)), spans: add(s, counter(traceSpans))}
	for _, outcome := range []traces.Outcome{traces.Sent, traces.QueueFull, traces.Failed} {
		t.runs.WithLabelValues(string(outcome))
	}
	for _, outcome := range []traces.Outcome{traces.Sent, traces.Failed, traces.Rejected} {
		t.spans.WithLabelValues(string(outcome))
	}
	return t
}

// Runs counts runs that have ended.
func (t *Traces) Runs(outcome traces.Outcome, n int) {
	t.runs.WithLabelValues(string(outcome)).Add(float64(n))
}

// Spans counts the spans in requests.
func (t *Traces) Spans(outcome traces.Outcome, n int) {
	t.spans.WithLabelValues(string(outcome)).Add(float64(n))
}

// tracing returns the metrics of traces.
func tracing() []Metric {
	return []Metric{
		{tracedRuns, Counter, []Label{{labelOutcome, "`sent`, `queue-full` (too many runs were waiting), `failed`"}},
			"Runs with a trace that have ended."},
		{traceSpans, Counter, []Label{{labelOutcome, "`sent`, `failed`, `rejected` (a part of an accepted request)"}},
			"Spans of runs."},
	}
}
