package metrics

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// tally counts the runs of one scrape by their labels.
type tally struct {
	labels []string
	counts map[string]int
}

// newTally returns a tally with the labels of a shape. Without labels it has one count, which begins at 0.
func newTally(s shape) *tally {
	t := &tally{counts: map[string]int{}}
	if s.labels == "" {
		t.counts[""] = 0
		return t
	}
	t.labels = strings.Split(s.labels, ",")
	return t
}

// add counts a run with these labels.
func (t *tally) add(labels map[string]string) {
	values := make([]string, len(t.labels))
	for i, name := range t.labels {
		values[i] = labels[name]
	}
	t.counts[keyOf(values)]++
}

// show sends one gauge for each label set. Counts of label sets for which there is no room are added together. Which these are does
// not depend on the order of the runs.
func (t *tally) show(name string, metrics chan<- prometheus.Metric) {
	limit, sums := newBound(t.labels, false), map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(t.counts)) {
		sums[keyOf(limit.fit(t.values(key)).values)] += t.counts[key]
	}
	m := find(name)
	description := prometheus.NewDesc(m.Name, m.Help, t.labels, nil)
	for key, n := range sums {
		metrics <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, float64(n), t.values(key)...)
	}
}

// values is the inverse of keyOf.
func (t *tally) values(key string) []string {
	if len(t.labels) == 0 {
		return nil
	}
	return strings.Split(key, separator)
}
