package taskrun

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestSidecarAfterTheSteps: once all steps have ended, the run waits only for the results sidecar. A sidecar that
// cannot start again does not fail a run whose steps have all succeeded.
func TestSidecarAfterTheSteps(t *testing.T) {
	over := terminated(0, record(0))
	crashes := waiting("CrashLoopBackOff")
	cases := map[string]struct {
		reason string
		// steps is the state of both steps, and reporter that of the results sidecar.
		steps, reporter corev1.ContainerState
		// sidecar is the state of the init container of this name, which was restarted 20 times.
		name    string
		sidecar corev1.ContainerState
		late    State
		soon    State
	}{
		"SidecarCrashes": {
			reason:   "the stream may not have been read yet",
			steps:    over,
			reporter: running(),
			name:     "sidecar-db",
			sidecar:  crashes,
			soon:     Running,
			late:     Unreported,
		},
		"InjectedCrashes": {
			reason:   "a webhook has injected a native sidecar",
			steps:    over,
			reporter: running(),
			name:     "istio-proxy",
			sidecar:  crashes,
			soon:     Running,
			late:     Unreported,
		},
		"SidecarNotCreated": {
			reason:   "the kubelet cannot create it again",
			steps:    over,
			reporter: running(),
			name:     "sidecar-db",
			sidecar:  waiting("CreateContainerError"),
			soon:     Running,
			late:     Unreported,
		},
		"SidecarNotPulled": {
			reason:   "its image is pulled at each start",
			steps:    over,
			reporter: running(),
			name:     "sidecar-db",
			sidecar:  waiting("ImagePullBackOff"),
			soon:     Running,
			late:     Unreported,
		},
		"SidecarMisconfigured": {
			reason:   "its Secret was deleted",
			steps:    over,
			reporter: running(),
			name:     "sidecar-db",
			sidecar:  waiting("CreateContainerConfigError"),
			soon:     Running,
			late:     Unreported,
		},
		"Reported": {
			reason:   "the sidecar's trouble does not keep the log from being read",
			steps:    over,
			reporter: terminated(0, ""),
			name:     "sidecar-db",
			sidecar:  crashes,
			soon:     Running,
			late:     Running,
		},
		"ReporterNotPulled": {
			reason:   "without its image no results come",
			steps:    over,
			reporter: waiting("ImagePullBackOff"),
			name:     "sidecar-db",
			sidecar:  running(),
			soon:     Unpullable,
			late:     Unpullable,
		},
		"ReporterNotCreated": {
			reason:   "the kubelet tries again, and the results are due after a minute",
			steps:    over,
			reporter: waiting("CreateContainerError"),
			name:     "sidecar-db",
			sidecar:  running(),
			soon:     Pending,
			late:     Unreported,
		},
		"BeforeTheSteps": {
			reason:   "no step starts without it",
			steps:    waiting("PodInitializing"),
			reporter: waiting("PodInitializing"),
			name:     "sidecar-db",
			sidecar:  crashes,
			soon:     Unstartable,
			late:     Unstartable,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := runPod(corev1.PodRunning, tc.steps, tc.steps, tc.reporter)
			p.Spec.InitContainers = []corev1.Container{{Name: tc.name, RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}}
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: tc.name, State: tc.sidecar, RestartCount: 20}}
			for when, want := range map[time.Duration]State{time.Second: tc.soon, time.Second + reportPatience: tc.late} {
				obs := observation(withPod(p), func(o *Observation) { o.Now = epoch().Add(when) })
				if got := stateOf(taskRun(started), obs, Plan{}); got != want {
					t.Errorf("%s, after %s: want %s, got %s", tc.reason, when, want, got)
				}
			}
		})
	}
}
