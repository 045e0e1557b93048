package metrics

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// gathered returns the values of a metric by kind.
func gathered(t *testing.T, collector prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			values[family.GetName()+" "+m.GetLabel()[0].GetValue()] = value
		}
	}
	return values
}

// TestMissed: a run that was created in a namespace of Sluice, after it became one, and names no controller was missed.
func TestMissed(t *testing.T) {
	moved := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "ci", Labels: map[string]string{v1.LabelEngine: v1.EngineSluice},
		// As the cache keeps it.
		Annotations: map[string]string{"sluice.dev/engine-since": at(0).Add(-time.Minute).UTC().Format(time.RFC3339)},
	}}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	reader := func(objects ...client.Object) client.Reader {
		return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	}
	elected := make(chan struct{})
	m := &Missed{
		Runs: reader(moved, taskRun("missed", nil), pipelineRun("missed", nil),
			taskRun("marked", nil, func(tr *v1.TaskRun) { tr.Spec.ManagedBy = new(v1.ManagedBySluice) }),
			taskRun("elsewhere", nil, func(tr *v1.TaskRun) { tr.Namespace = "other" }),
		),
		Leads: elected,
	}
	if got := gathered(t, m); len(got) > 0 {
		t.Errorf("want nothing from a standby, got %v", got)
	}
	close(elected)
	want := map[string]float64{runsMissed + " taskrun": 1, runsMissed + " pipelinerun": 1}
	if diff := cmp.Diff(want, gathered(t, m)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMarked(t *testing.T) {
	m := NewMarked()
	m.Mark(v1.KindPipelineRun)
	m.Mark(v1.KindPipelineRun)
	want := map[string]float64{runsMarked + " taskrun": 0, runsMarked + " pipelinerun": 2}
	if diff := cmp.Diff(want, gathered(t, m)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
