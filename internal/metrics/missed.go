package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/ownership"
)

// Missed reports the runs that should have been marked for Sluice and were not. It counts them at each scrape. It is a
// prometheus.Collector.
type Missed struct {
	// Runs is a cache of all runs and of the namespaces of Sluice. They are read without a copy.
	Runs client.Reader
	// Leads is closed once this replica leads. Until then the leader reports the same metrics.
	Leads <-chan struct{}
}

// Describe describes the metric.
func (*Missed) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- describe(runsMissed) }

// Collect counts the runs. It reports nothing if another replica leads, or if the runs cannot be listed.
func (m *Missed) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-m.Leads:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), listing)
	defer cancel()
	moved := &metav1.PartialObjectMetadataList{}
	moved.APIVersion, moved.Kind = "v1", "NamespaceList"
	if m.Runs.List(ctx, moved, client.UnsafeDisableDeepCopy) != nil {
		return
	}
	counts := map[Kind]int{TaskRun: 0, PipelineRun: 0}
	for i := range moved.Items {
		namespace := &moved.Items[i]
		if !m.count(ctx, namespace, counts) {
			return
		}
	}
	for kind, n := range counts {
		metrics <- prometheus.MustNewConstMetric(describe(runsMissed), prometheus.GaugeValue, float64(n), string(kind))
	}
}

// count counts the runs of a namespace. It returns false if they cannot be listed.
func (m *Missed) count(ctx context.Context, namespace *metav1.PartialObjectMetadata, counts map[Kind]int) bool {
	here := client.InNamespace(namespace.Name)
	taskRuns, pipelineRuns := &v1.TaskRunList{}, &v1.PipelineRunList{}
	if m.Runs.List(ctx, taskRuns, here, client.UnsafeDisableDeepCopy) != nil ||
		m.Runs.List(ctx, pipelineRuns, here, client.UnsafeDisableDeepCopy) != nil {
		return false
	}
	for i := range taskRuns.Items {
		if tr := &taskRuns.Items[i]; ownership.Missed(tr, tr.Spec.ManagedBy, namespace) {
			counts[TaskRun]++
		}
	}
	for i := range pipelineRuns.Items {
		if pr := &pipelineRuns.Items[i]; ownership.Missed(pr, pr.Spec.ManagedBy, namespace) {
			counts[PipelineRun]++
		}
	}
	return true
}

// Marked counts the runs that the webhook has marked.
type Marked struct {
	*prometheus.CounterVec
}

// NewMarked returns a Marked with all counts at 0.
func NewMarked() Marked {
	m := Marked{counter(runsMarked)}
	for _, kind := range []Kind{TaskRun, PipelineRun} {
		m.WithLabelValues(string(kind))
	}
	return m
}

// Mark counts a run of a kind of the API.
func (m Marked) Mark(kind string) {
	m.WithLabelValues(string(labelOf(kind))).Inc()
}

// labelOf returns the value of the label for a kind of the API.
func labelOf(kind string) Kind {
	if kind == v1.KindPipelineRun {
		return PipelineRun
	}
	return TaskRun
}
