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
		"None": {reason: "without a probe the first step does not wait"},
		"Readiness": {
			reason:  "the first step waits until a sidecar is ready, with patience",
			sidecar: v1.Sidecar{ReadinessProbe: readiness},
			want:    &corev1.Probe{PeriodSeconds: 3, SuccessThreshold: 1, FailureThreshold: 1000},
		},
		"Patience": {
			reason:  "a probe of the default period is tried every second for ten minutes",
			sidecar: v1.Sidecar{ReadinessProbe: &corev1.Probe{}},
			want:    &corev1.Probe{PeriodSeconds: 1, SuccessThreshold: 1, FailureThreshold: 600},
		},
		"Own": {
			reason:  "a sidecar with a startup probe of its own keeps it",
			sidecar: v1.Sidecar{ReadinessProbe: readiness, StartupProbe: own},
			want:    own,
		},
		"Skip": {
			reason:  "where nobody waits, the first step does not",
			sidecar: v1.Sidecar{ReadinessProbe: readiness},
			skip:    true,
		},
		"SkipOwn": {
			reason:  "but for the task's own wish",
			sidecar: v1.Sidecar{StartupProbe: own},
			skip:    true,
			want:    own,
		},
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
