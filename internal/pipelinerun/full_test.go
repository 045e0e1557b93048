package pipelinerun

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	limits "github.com/sluice-ci/sluice/internal/results"
)

// TestFullWhileItRuns: a user makes the object of a run so large that no status has room in it. The run's tasks are
// cancelled, no other task starts, not even one of finally, and later reconciles send the minimum of requests.
func TestFullWhileItRuns(t *testing.T) {
	l := newLimited()
	set, registry := newCounts(), prometheus.NewPedanticRegistry()
	if err := set.Register(registry); err != nil {
		t.Fatal(err)
	}
	last := embedded("last", v1.TaskSpec{})
	last.RunAfter = []string{"build"}
	pr := finally(run(embedded("build", v1.TaskSpec{}), last), embedded("report", v1.TaskSpec{}))
	c := newCluster(t, l.funcs(), pr)
	c.metrics = set.PipelineRuns
	c.restart(t, l.funcs())
	c.settle(t, pr)
	if made := c.children(t); len(made) != 1 {
		t.Fatalf("want one TaskRun, got %v", made)
	}
	c.update(t, pr, func(pr *v1.PipelineRun) {
		pr.Annotations = map[string]string{"note": strings.Repeat("x", limits.ObjectLimit)}
	})
	full := func() {
		_, err := c.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(pr)})
		if err == nil || !strings.Contains(err.Error(), "delete it") {
			t.Fatalf("want an error that says what to do, got %v", err)
		}
	}
	written := l.Writes
	full()
	if tr := c.child(t, pr, "build", -1); tr.Spec.Status != v1.TaskRunSpecStatusCancelled {
		t.Errorf("want the TaskRun cancelled, got spec.status %q", tr.Spec.Status)
	}
	c.end(t, pr, "build", stopped())
	before := c.total()
	const passes = 5
	for range passes {
		full()
	}
	if made := c.children(t); len(made) != 1 {
		t.Errorf("want nothing else made, got %v", made)
	}
	if made := c.total() - before; made > 2*passes { // the lists of its TaskRuns
		t.Errorf("want at most two requests in a pass, got %d in %d", made, passes)
	}
	if l.Writes != written {
		t.Errorf("want no status sent that cannot be stored, got %d", l.Writes-written)
	}
	reported := 0
	for range len(c.recorder.Events) {
		if strings.Contains(<-c.recorder.Events, v1.PipelineRunReasonStatusRefused) {
			reported++
		}
	}
	if reported == 0 {
		t.Error("want an event")
	}
	if got := fullWrites(t, registry); got != passes+1 {
		t.Errorf("want each of %d passes counted, got %v", passes+1, got)
	}
}

// fullWrites is how often a status was not written since its object is full.
func fullWrites(t *testing.T, registry prometheus.Gatherer) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := 0.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == "sluice_status_writes_total" && l.GetValue() == "full" {
					counted += m.GetCounter().GetValue()
				}
			}
		}
	}
	return counted
}
