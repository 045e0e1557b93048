package metrics

import "github.com/prometheus/client_golang/prometheus"

// Exports counts messages with metrics. It is an export.Meter.
type Exports struct{ vec *prometheus.CounterVec }

// The outcomes of a message.
const (
	exportSent   = "sent"
	exportFailed = "failed"
)

func newExports(s *Set) *Exports {
	e := &Exports{add(s, counter(exports))}
	for _, outcome := range []string{exportSent, exportFailed} {
		e.vec.WithLabelValues(outcome)
	}
	return e
}

// Exported counts one message.
func (e *Exports) Exported(sent bool) {
	outcome := exportFailed
	if sent {
		outcome = exportSent
	}
	e.vec.WithLabelValues(outcome).Inc()
}
