package pod

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestStartupProbe(t *testing.T) {
	readiness, own := &corev1.Probe{PeriodSeconds: 3, SuccessThreshold: 2, FailureThreshold: 1000}, &corev1.Probe{PeriodSeconds: 7}
	cases := map[string]struct {
		reason  string
		sidecar v1.Sidecar
		skip    bool
		want    *corev1.Probe
	}{
		"None":      {"without a probe the first step does not wait", v1.Sidecar{}, false, nil},
		"Readiness": {"the first step waits until a sidecar is ready, with patience", v1.Sidecar{ReadinessProbe: readiness}, false, &corev1.Probe{PeriodSeconds: 3, SuccessThreshold: 1, FailureThreshold: 1000}},
		"Patience":  {"a probe of the default period is tried every second for ten minutes", v1.Sidecar{ReadinessProbe: &corev1.Probe{}}, false, &corev1.Probe{PeriodSeconds: 1, SuccessThreshold: 1, FailureThreshold: 600}},
		"Own":       {"a sidecar with a startup probe of its own keeps it", v1.Sidecar{ReadinessProbe: readiness, StartupProbe: own}, false, own},
		"Skip":      {"where nobody waits, the first step does not", v1.Sidecar{ReadinessProbe: readiness}, true, nil},
		"SkipOwn":   {"but for the task's own wish", v1.Sidecar{StartupProbe: own}, true, own},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := &builder{Input: Input{Settings: Settings{SkipSidecarReadiness: tc.skip}}}
			if diff := cmp.Diff(tc.want, b.startupProbe(tc.sidecar)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
