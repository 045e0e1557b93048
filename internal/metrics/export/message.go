// Package export sends the metrics of the controller to a collector by OTLP, the protocol of OpenTelemetry.
package export

import (
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// scopeName is the instrumentation scope of all metrics.
const scopeName = "github.com/sluice-ci/sluice"

// Resource identifies the process that sends metrics, by the semantic conventions of OpenTelemetry.
type Resource struct {
	// Service and Version are the program, Namespace is the namespace of the installation, and Instance is the pod.
	Service, Version, Namespace, Instance string
}

func (r Resource) proto() *resource.Resource {
	return &resource.Resource{Attributes: []*common.KeyValue{
		text("service.name", r.Service), text("service.version", r.Version), text("service.instance.id", r.Instance),
		text("k8s.namespace.name", r.Namespace),
	}}
}

// span is the time of cumulative values: since the process started, or since the series did.
type span struct{ start, now time.Time }

// Message converts metrics to a message for a collector. Names and labels stay as they are. start is when the process started.
func Message(families []*dto.MetricFamily, of Resource, start, now time.Time) *metrics.MetricsData {
	at, all := span{start, now}, make([]*metrics.Metric, 0, len(families))
	for _, family := range families {
		if m := metricOf(family, at); m != nil {
			all = append(all, m)
		}
	}
	return &metrics.MetricsData{ResourceMetrics: []*metrics.ResourceMetrics{{
		Resource: of.proto(),
		ScopeMetrics: []*metrics.ScopeMetrics{{
			Scope: &common.InstrumentationScope{Name: scopeName, Version: of.Version}, Metrics: all,
		}},
	}}}
}

// metricOf converts one metric; nil for a type that Prometheus has and OTLP does not.
func metricOf(family *dto.MetricFamily, at span) *metrics.Metric {
	m := &metrics.Metric{Name: family.GetName(), Description: family.GetHelp()}
	const cumulative = metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		m.Data = &metrics.Metric_Sum{Sum: &metrics.Sum{
			IsMonotonic: true, AggregationTemporality: cumulative, DataPoints: numbers(family, at),
		}}
	case dto.MetricType_GAUGE, dto.MetricType_UNTYPED:
		m.Data = &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: numbers(family, at)}}
	case dto.MetricType_HISTOGRAM:
		m.Data = &metrics.Metric_Histogram{Histogram: &metrics.Histogram{
			AggregationTemporality: cumulative, DataPoints: histograms(family, at),
		}}
	case dto.MetricType_SUMMARY:
		m.Data = &metrics.Metric_Summary{Summary: &metrics.Summary{DataPoints: summaries(family, at)}}
	default:
		return nil
	}
	return m
}

// numbers converts the series of a counter or gauge. A gauge has no time at which it began.
func numbers(family *dto.MetricFamily, at span) []*metrics.NumberDataPoint {
	points := make([]*metrics.NumberDataPoint, 0, len(family.GetMetric()))
	for _, s := range family.GetMetric() {
		p := &metrics.NumberDataPoint{Attributes: attributes(s), TimeUnixNano: nanoseconds(at.now)}
		value := s.GetGauge().GetValue() + s.GetUntyped().GetValue() // one of them is absent
		if c := s.GetCounter(); c != nil {
			value, p.StartTimeUnixNano = c.GetValue(), at.begin(c.GetCreatedTimestamp())
		}
		p.Value = &metrics.NumberDataPoint_AsDouble{AsDouble: value}
		points = append(points, p)
	}
	return points
}

// histograms converts the series of a histogram. In Prometheus each bucket also counts what is in the buckets below it.
func histograms(family *dto.MetricFamily, at span) []*metrics.HistogramDataPoint {
	points := make([]*metrics.HistogramDataPoint, 0, len(family.GetMetric()))
	for _, s := range family.GetMetric() {
		h := s.GetHistogram()
		bounds, counts := buckets(h)
		points = append(points, &metrics.HistogramDataPoint{
			Attributes: attributes(s), StartTimeUnixNano: at.begin(h.GetCreatedTimestamp()), TimeUnixNano: nanoseconds(at.now),
			Count: h.GetSampleCount(), Sum: new(h.GetSampleSum()), ExplicitBounds: bounds, BucketCounts: counts,
		})
	}
	return points
}

// buckets returns the upper bounds of the buckets of a histogram, and how many observations each bucket has; the last one has no bound.
func buckets(h *dto.Histogram) (bounds []float64, counts []uint64) {
	below := uint64(0)
	for _, b := range h.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) {
			continue
		}
		bounds, counts = append(bounds, b.GetUpperBound()), append(counts, b.GetCumulativeCount()-below)
		below = b.GetCumulativeCount()
	}
	return bounds, append(counts, h.GetSampleCount()-below)
}

func summaries(family *dto.MetricFamily, at span) []*metrics.SummaryDataPoint {
	points := make([]*metrics.SummaryDataPoint, 0, len(family.GetMetric()))
	for _, s := range family.GetMetric() {
		summary := s.GetSummary()
		var quantiles []*metrics.SummaryDataPoint_ValueAtQuantile
		for _, q := range summary.GetQuantile() {
			quantiles = append(quantiles, &metrics.SummaryDataPoint_ValueAtQuantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
		}
		points = append(points, &metrics.SummaryDataPoint{
			Attributes: attributes(s), StartTimeUnixNano: at.begin(summary.GetCreatedTimestamp()), TimeUnixNano: nanoseconds(at.now),
			Count: summary.GetSampleCount(), Sum: summary.GetSampleSum(), QuantileValues: quantiles,
		})
	}
	return points
}

// begin returns when a series began; at the start of the process if it does not say.
func (s span) begin(created *timestamppb.Timestamp) uint64 {
	if created != nil {
		return nanoseconds(created.AsTime())
	}
	return nanoseconds(s.start)
}

func nanoseconds(t time.Time) uint64 {
	return uint64(t.UnixNano())
}

func attributes(s *dto.Metric) []*common.KeyValue {
	all := make([]*common.KeyValue, len(s.GetLabel()))
	for i, l := range s.GetLabel() {
		all[i] = text(l.GetName(), l.GetValue())
	}
	return all
}

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}
