package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/budget"
)

// Memory reports how much of a budget is reserved. It is a prometheus.Collector.
type Memory struct {
	of *budget.Budget
}

// NewMemory returns a Memory that reports a budget for results.
func NewMemory(of *budget.Budget) *Memory { return &Memory{of: of} }

// Describe lists the metrics.
func (m *Memory) Describe(descriptions chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(m, descriptions)
}

// Collect reads the budget.
func (m *Memory) Collect(metrics chan<- prometheus.Metric) {
	metrics <- prometheus.MustNewConstMetric(describe(memoryHeld), prometheus.GaugeValue, float64(m.of.Held()))
	metrics <- prometheus.MustNewConstMetric(describe(memoryLimit), prometheus.GaugeValue, float64(m.of.Limit()))
}
