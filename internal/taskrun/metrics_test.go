package taskrun

import (
	"context"
	"errors"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

// counting makes the world count, and returns what its controllers have counted, all that there were: each that is restarted
// begins at 0, as its process does.
func (w *world) counting(t *testing.T) (restart func(), sum func() map[string]float64) {
	t.Helper()
	var registries []*prometheus.Registry
	restart = func() {
		set, registry := newCounts(), prometheus.NewPedanticRegistry()
		if err := set.Register(registry); err != nil {
			t.Fatal(err)
		}
		registries = append(registries, registry)
		w.deps.Metrics = set.TaskRuns
		w.Reconciler = NewReconciler(w.deps)
	}
	restart()
	return restart, func() map[string]float64 {
		all := map[string]float64{}
		for _, registry := range registries {
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, family := range families {
				for _, m := range family.GetMetric() {
					name := family.GetName()
					for _, l := range m.GetLabel() {
						name += " " + l.GetValue()
					}
					if v := m.GetCounter().GetValue(); v != 0 {
						all[name] += v
					}
				}
			}
		}
		return all
	}
}

// conflicts makes every second write of a status a conflict, as with another controller that is quicker.
func conflicts() interceptor.Funcs {
	n := 0
	return interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string,
		o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
		if n++; n%2 == 1 {
			return apierrors.NewConflict(schema.GroupResource{Group: v1.GroupName, Resource: "taskruns"}, o.GetName(), errors.New("changed"))
		}
		return c.SubResource(sub).Patch(ctx, o, p, opts...)
	}}
}

// TestRunIsCountedOnce: neither a conflict nor a controller that begins anew at any moment counts a run, or a pod, twice.
func TestRunIsCountedOnce(t *testing.T) {
	const (
		total  = "tekton_pipelines_controller_taskrun_total Succeeded success"
		pods   = "sluice_pods_created_total"
		writes = "sluice_status_writes_total taskrun "
	)
	cases := map[string]struct {
		reason    string
		intercept interceptor.Funcs
		restarts  bool
		want      map[string]float64
	}{
		"Plain": {
			reason: "three writes: begun, running, ended",
			want:   map[string]float64{total: 1, pods: 1, writes + "written": 3},
		},
		"Conflicts": {
			reason:    "each write is made again",
			intercept: conflicts(),
			want:      map[string]float64{total: 1, pods: 1, writes + "written": 3, writes + "conflict": 3},
		},
		"Restarts": {
			reason:   "who begins anew finds the run ended",
			restarts: true,
			want:     map[string]float64{total: 1, pods: 1, writes + "written": 3},
		},
		"Both": {
			reason:    "and both together",
			intercept: conflicts(),
			restarts:  true,
			want:      map[string]float64{total: 1, pods: 1, writes + "written": 3, writes + "conflict": 3},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun()}, tc.intercept)
			restart, sum := w.counting(t)
			passes := func() {
				for range 3 {
					if tc.restarts {
						restart()
					}
					w.pass(t)
				}
			}
			passes()
			w.play(t, corev1.PodRunning, running(), running())
			passes()
			w.play(t, corev1.PodSucceeded, terminated(0, record(0)), terminated(0, record(0)))
			passes()
			if diff := cmp.Diff(tc.want, sum()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTooLargeIsCounted: who looks for lost results finds how often one object could not hold them.
func TestTooLargeIsCounted(t *testing.T) {
	refusals := 0
	w := newWorld(t, []client.Object{taskRun()}, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption) error {
			if refusals++; refusals == 1 {
				return apierrors.NewInternalError(errors.New("etcdserver: request is too large"))
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	_, sum := w.counting(t)
	w.pass(t)
	want := map[string]float64{
		"tekton_pipelines_controller_taskrun_total TaskRunResultLargerThanAllowedLimit failed": 1,
		"sluice_objects_too_large_total refused taskrun":                                       1,
		"sluice_pods_created_total":                                                            1,
		"sluice_status_writes_total taskrun too-large":                                         1,
		"sluice_status_writes_total taskrun written":                                           1,
	}
	if diff := cmp.Diff(want, sum()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
