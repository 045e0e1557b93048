package metrics

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// shownNamespaces is how many namespaces have a series in storedBytes: those with the most bytes.
	shownNamespaces = 20
	// restOfNamespaces is the value of the label for all others together. No namespace can have this name.
	restOfNamespaces = "_other"
)

// Stored reports the bytes that finished runs have in etcd. It is a prometheus.Collector.
type Stored struct {
	// Bytes returns them for each namespace. Retention counts them on the replica that leads.
	Bytes func() map[string]int64
	// Quota returns the setting with the quota of etcd, in bytes.
	Quota func() int64
	// Leads is closed once this replica leads. Until then the leader reports the same metrics.
	Leads <-chan struct{}
}

// Describe describes the metrics.
func (*Stored) Describe(descriptions chan<- *prometheus.Desc) {
	for _, name := range []string{storedBytes, storedQuota} {
		descriptions <- describe(name)
	}
}

// Collect reports the namespaces with the most bytes, and the others as one. It reports nothing if another replica leads.
func (s *Stored) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-s.Leads:
	default:
		return
	}
	metrics <- prometheus.MustNewConstMetric(describe(storedQuota), prometheus.GaugeValue, float64(s.Quota()))
	for _, one := range top(s.Bytes(), shownNamespaces) {
		metrics <- prometheus.MustNewConstMetric(describe(storedBytes), prometheus.GaugeValue, float64(one.bytes), one.namespace)
	}
}

// share is the bytes of a namespace, or of several.
type share struct {
	namespace string
	bytes     int64
}

// top returns the n namespaces with the most bytes, and one share for all others.
func top(all map[string]int64, n int) []share {
	shares := make([]share, 0, len(all))
	for namespace, bytes := range all {
		shares = append(shares, share{namespace, bytes})
	}
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.namespace, b.namespace))
	})
	rest := share{namespace: restOfNamespaces}
	for _, one := range shares[min(n, len(shares)):] {
		rest.bytes += one.bytes
	}
	return append(shares[:min(n, len(shares))], rest)
}

// Retention counts the deletions of finished runs.
type Retention struct{ deleted, refused *prometheus.CounterVec }

// Deleted counts a run of a kind of the API that was deleted, by the rule.
func (r *Retention) Deleted(kind, rule string) {
	r.deleted.WithLabelValues(string(labelOf(kind)), rule).Inc()
}

// Refused counts a deletion that was refused, by the cause.
func (r *Retention) Refused(kind, cause string) {
	r.refused.WithLabelValues(string(labelOf(kind)), cause).Inc()
}
