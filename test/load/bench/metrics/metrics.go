// Package metrics reads counters and gauges from pages in Prometheus' text format.
package metrics

import (
	"fmt"
	"io"
	"maps"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Sample is one counter or gauge of a page.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Parse reads the counters and gauges with these names, or all of them if no names are given. Samples are sorted by name, and
// have the page's order within a name. It skips histograms and summaries.
func Parse(page io.Reader, names ...string) ([]Sample, error) {
	return parse(page, valueOf, names)
}

// Sums reads the sums of the histograms with these names, in the order of Parse.
func Sums(page io.Reader, names ...string) ([]Sample, error) {
	return parse(page, sumOf, names)
}

func sumOf(m *dto.Metric) (float64, bool) {
	return m.GetHistogram().GetSampleSum(), m.GetHistogram() != nil
}

func parse(page io.Reader, value func(*dto.Metric) (float64, bool), names []string) ([]Sample, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return nil, fmt.Errorf("cannot read metrics: %w", err)
	}
	var samples []Sample
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		for _, m := range families[name].GetMetric() {
			if v, ok := value(m); ok {
				samples = append(samples, Sample{Name: name, Labels: labelsOf(m), Value: v})
			}
		}
	}
	return samples, nil
}

func valueOf(m *dto.Metric) (float64, bool) {
	switch {
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue(), true
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue(), true
	case m.GetUntyped() != nil:
		return m.GetUntyped().GetValue(), true
	default:
		return 0, false
	}
}

func labelsOf(m *dto.Metric) map[string]string {
	labels := map[string]string{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	return labels
}

// Counts adds the samples of each key. key returns "" for a sample to skip.
func Counts(samples []Sample, key func(Sample) string) map[string]int {
	counts := map[string]int{}
	for _, s := range samples {
		if k := key(s); k != "" {
			counts[k] += int(s.Value)
		}
	}
	return counts
}

// Difference returns the increase between two readings, without the counters that have not changed.
func Difference(before, after map[string]int) map[string]int {
	counts := map[string]int{}
	for key, n := range after {
		if d := n - before[key]; d != 0 {
			counts[key] = d
		}
	}
	return counts
}
