package metrics

import (
	"fmt"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/version"
)

// seriesOf returns the values of all series, by name and labels.
func seriesOf(t *testing.T, collectors ...prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

// TestStored: the namespaces with the most bytes have a series, and all others have one together.
func TestStored(t *testing.T) {
	leads := make(chan struct{})
	bytes, want := map[string]int64{}, map[string]float64{storedQuota: 7, storedBytes + " " + restOfNamespaces: 100 + 101}
	for i := range shownNamespaces + 2 {
		name := fmt.Sprintf("ns-%02d", i)
		if bytes[name] = int64(100 + i); i >= 2 {
			want[storedBytes+" "+name] = float64(100 + i)
		}
	}
	collector := &Stored{Bytes: func() map[string]int64 { return bytes }, Quota: func() int64 { return 7 }, Leads: leads}
	if got := seriesOf(t, collector); len(got) > 0 {
		t.Errorf("want no series of a replica that does not lead, got %v", got)
	}
	close(leads)
	if diff := cmp.Diff(want, seriesOf(t, collector)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRetentionCounts: deletions and refusals are counted by kind, and by rule or cause.
func TestRetentionCounts(t *testing.T) {
	s := New(version.Info{}, defaults, logr.Discard())
	s.Retention.Deleted("PipelineRun", "ttl")
	s.Retention.Refused("TaskRun", "conflict")
	want := map[string]float64{runsDeleted + " pipelinerun ttl": 1, deletesRefused + " conflict taskrun": 1}
	if diff := cmp.Diff(want, seriesOf(t, s.Retention.deleted, s.Retention.refused)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
