package pipelinerun

import (
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/version"
)

// newCounts returns metrics with the default settings.
func newCounts() *metrics.Set {
	return metrics.New(version.Info{}, func() config.Observability { return config.Default().Metrics }, logr.Discard())
}

// TestRunIsCountedOnce: a run that has ended is counted by the controller that has written its outcome, and by none after it.
func TestRunIsCountedOnce(t *testing.T) {
	pr := chain()
	c := newCluster(t, interceptor.Funcs{}, pr)
	var registries []*prometheus.Registry
	restart := func() {
		set, registry := newCounts(), prometheus.NewPedanticRegistry()
		if err := set.Register(registry); err != nil {
			t.Fatal(err)
		}
		c.metrics = set.PipelineRuns
		c.restart(t, interceptor.Funcs{})
		registries = append(registries, registry)
	}
	restart()
	pr = c.settle(t, pr)
	for _, task := range []string{"make", "use", "last"} {
		restart()
		c.end(t, pr, task, v1.Succeeded("done"), v1.TaskRunResult{Name: "text", Type: v1.TypeString, Value: v1.StringValue("t")},
			v1.TaskRunResult{Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("a")},
			v1.TaskRunResult{Name: "map", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"k": "v"})},
			v1.TaskRunResult{Name: "count", Type: v1.TypeString, Value: v1.StringValue("2")})
		pr = c.settle(t, pr)
	}
	restart()
	pr = c.settle(t, pr)
	wantCondition(t, pr, "True", v1.PipelineRunReasonSucceeded)
	n := 0.0
	for _, registry := range registries {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, m := range family.GetMetric() {
				if family.GetName() == "tekton_pipelines_controller_pipelinerun_total" {
					n += m.GetCounter().GetValue()
				}
			}
		}
	}
	if n != 1 {
		t.Errorf("%d controllers worked on one run after another: want it counted once, got %v", len(registries), n)
	}
}
