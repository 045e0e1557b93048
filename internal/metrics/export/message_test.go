package export

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"
)

// start is when the process of these tests has started.
func start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// decoded returns the metrics in a message by their names.
func decoded(message *metrics.MetricsData) map[string]*metrics.Metric {
	all := map[string]*metrics.Metric{}
	for _, m := range message.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics() {
		all[m.GetName()] = m
	}
	return all
}

// TestMessage: each type of Prometheus has its counterpart, with names and labels as they are.
func TestMessage(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "runs_total", Help: "Runs."}, []string{"status"})
	counter.WithLabelValues("success").Add(3)
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "running", Help: "Running."})
	gauge.Set(2)
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", Help: "Took.", Buckets: []float64{1, 10}})
	for _, v := range []float64{0.5, 5, 6, 100} {
		histogram.Observe(v)
	}
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "gc_seconds", Help: "GC."})
	summary.Observe(4)
	untyped := prometheus.NewUntypedFunc(prometheus.UntypedOpts{Name: "other"}, func() float64 { return 7 })
	registry.MustRegister(counter, gauge, histogram, summary, untyped)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	now := start().Add(time.Minute)
	got := decoded(Message(families, Resource{Service: "sluice-controller"}, start(), now))
	const cumulative = metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	at := uint64(now.UnixNano())
	want := map[string]*metrics.Metric{
		"runs_total": {Name: "runs_total", Description: "Runs.", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{
			IsMonotonic: true, AggregationTemporality: cumulative, DataPoints: []*metrics.NumberDataPoint{{
				Attributes: attributes(families[3].GetMetric()[0]), TimeUnixNano: at, Value: &metrics.NumberDataPoint_AsDouble{AsDouble: 3},
			}},
		}}},
		"running": {
			Name: "running", Description: "Running.",
			Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: []*metrics.NumberDataPoint{{
				TimeUnixNano: at, Value: &metrics.NumberDataPoint_AsDouble{AsDouble: 2},
			}}}},
		},
		"other": {Name: "other", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: []*metrics.NumberDataPoint{{
			TimeUnixNano: at, Value: &metrics.NumberDataPoint_AsDouble{AsDouble: 7},
		}}}}},
		"took_seconds": {Name: "took_seconds", Description: "Took.", Data: &metrics.Metric_Histogram{Histogram: &metrics.Histogram{
			AggregationTemporality: cumulative, DataPoints: []*metrics.HistogramDataPoint{{
				TimeUnixNano: at, Count: 4, Sum: new(111.5), ExplicitBounds: []float64{1, 10}, BucketCounts: []uint64{1, 2, 1},
			}},
		}}},
		"gc_seconds": {
			Name: "gc_seconds", Description: "GC.",
			Data: &metrics.Metric_Summary{Summary: &metrics.Summary{DataPoints: []*metrics.SummaryDataPoint{{
				TimeUnixNano: at, Count: 1, Sum: 4,
			}}}},
		},
	}
	began := protocmp.FilterField(&metrics.NumberDataPoint{}, "start_time_unix_nano", cmp.Ignore())
	ofHistograms := protocmp.FilterField(&metrics.HistogramDataPoint{}, "start_time_unix_nano", cmp.Ignore())
	ofSummaries := protocmp.FilterField(&metrics.SummaryDataPoint{}, "start_time_unix_nano", cmp.Ignore())
	if diff := cmp.Diff(want, got, protocmp.Transform(), began, ofHistograms, ofSummaries); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := got["runs_total"].GetSum().GetDataPoints()[0]; got.GetStartTimeUnixNano() == 0 ||
		got.GetAttributes()[0].GetKey() != "status" || got.GetAttributes()[0].GetValue().GetStringValue() != "success" {
		t.Errorf("want a counter that has begun, with its label, got %v", got)
	}
}

// TestBucketsHaveEveryObservation: for any observations, the buckets of a message together have all of them.
func TestBucketsHaveEveryObservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounds := rapid.SliceOfNDistinct(rapid.Float64Range(-50, 50), 1, 8, rapid.ID).Draw(t, "bounds")
		slices.Sort(bounds)
		histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "H.", Buckets: bounds})
		values := rapid.SliceOfN(rapid.Float64Range(-60, 60), 0, 50).Draw(t, "values")
		want := make([]uint64, len(bounds)+1)
		for _, v := range values {
			histogram.Observe(v)
			i := 0
			for i < len(bounds) && v > bounds[i] {
				i++
			}
			want[i]++
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(histogram)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		point := decoded(Message(families, Resource{}, start(), start()))["h"].GetHistogram().GetDataPoints()[0]
		if diff := cmp.Diff(want, point.GetBucketCounts()); diff != "" || point.GetCount() != uint64(len(values)) {
			t.Fatalf("bounds %v, values %v: -want +got:\n%s", bounds, values, diff)
		}
	})
}
