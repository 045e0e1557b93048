package taskrun

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/reconcile"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// TestUnreadResultsAreNoFailure: a run whose steps have ended, and whose results the controller has no room to read yet, waits,
// whatever its pod's status says meanwhile and whenever its timeout is. It is looked at again, says what it waits for, and is
// green once its results are read.
func TestUnreadResultsAreNoFailure(t *testing.T) {
	const waits = 5 * time.Hour
	done, noRecord := terminated(0, record(0)), terminatedAs(137, "Error", "")
	cases := map[string]struct {
		reason  string
		steps   []corev1.ContainerState
		sidecar corev1.ContainerState
		phase   corev1.PodPhase
		// failed is the state after a read that has failed.
		failed State
	}{
		"SidecarEnded": {
			reason:  "The pod has ended, and its log is there to be read.",
			steps:   []corev1.ContainerState{done},
			sidecar: terminated(0, ""),
			phase:   corev1.PodSucceeded,
			failed:  Running,
		},
		"SidecarRuns": {
			reason:  "The kubelet has not reported the end of the results sidecar, which would else be too late.",
			steps:   []corev1.ContainerState{done},
			sidecar: running(),
			phase:   corev1.PodRunning,
			failed:  Running,
		},
		"NoRecord": {
			reason:  "The kubelet has lost a step's record, which would else be a lost step. The log has it.",
			steps:   []corev1.ContainerState{noRecord},
			sidecar: running(),
			phase:   corev1.PodRunning,
			failed:  Running,
		},
		"NoRecordWhileAnotherRuns": {
			reason:  "It has lost one step's record, and has not reported the end of another step, which would else wait for ever.",
			steps:   []corev1.ContainerState{noRecord, running()},
			sidecar: running(),
			phase:   corev1.PodRunning,
			failed:  StepLost,
		},
		"StepRuns": {
			reason:  "The kubelet has not reported the end of the step.",
			steps:   []corev1.ContainerState{running()},
			sidecar: running(),
			phase:   corev1.PodRunning,
			failed:  Running,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := modelPod(tc.steps, &tc.sidecar, situation{"", func(p *corev1.Pod) { p.Status.Phase = tc.phase }})
			m := newModel(name, len(tc.steps), p, config.SidecarLogs)
			m.tr.Spec.Timeout = &metav1.Duration{Duration: 3 * time.Second} // one second is left when the waiting begins
			begun := m.obs.Now
			for waited := time.Duration(0); waited <= waits; waited += time.Minute {
				m.obs.Now = begun.Add(waited)
				m.obs.Evidence = collect.Progress{Unread: true, Waited: waited}
				state := stateOf(m.tr, m.obs, Plan{})
				status, _ := statusFor(m.tr, state, m.obs, Plan{}, Effect{})
				left := wait(m.tr, status, m.obs, Plan{}, Effect{})
				if status.Done() || next(state, m.obs) != DoNothing || left != reconcile.RetryPeriod {
					t.Fatalf("%s: after %s, want the run to wait, got state %s, %s, another look within %s: %+v",
						tc.reason, waited, state, next(state, m.obs), left, status.Condition())
				}
				if says := status.Condition().Message == messageUnread; says != (waited >= reconcile.RetryPeriod) {
					t.Fatalf("%s: after %s, it says %q", tc.reason, waited, status.Condition().Message)
				}
			}
			m.obs.Evidence = collect.Progress{Unread: true, Waited: waits} // it is being read
			if state := stateOf(m.tr, m.obs, Plan{}); state != Running {
				t.Errorf("%s: want the time of the wait not to count, got state %s", tc.reason, state)
			}
			m.obs.Evidence = collect.Progress{Waited: waits, Err: errors.New("kubelet away")}
			if state := stateOf(m.tr, m.obs, Plan{}); state != tc.failed {
				t.Errorf("%s: want state %s after a read that has failed, got %s", tc.reason, tc.failed, state)
			}
			m.obs.Evidence = collect.Progress{Waited: waits, At: m.obs.Now, Set: wholeSet(m.obs.Task.Spec)}
			state := stateOf(m.tr, m.obs, Plan{})
			outcome := outcomeOf(m.tr, state, m.obs, Plan{})
			if outcome == nil || outcome.Condition.Status != metav1.ConditionTrue || len(outcome.Results) != 1 {
				t.Errorf("%s: want a green run with its result, got %+v", tc.reason, outcome)
			}
		})
	}
}

// TestTimeoutAfterWaiting: a run that has waited times out when it has used up the time that was left to it before.
func TestTimeoutAfterWaiting(t *testing.T) {
	sidecar := terminated(0, "")
	steps := []corev1.ContainerState{terminated(0, record(0))}
	m := newModel("", 1, modelPod(steps, &sidecar, situation{"", func(*corev1.Pod) {}}), config.SidecarLogs)
	m.tr.Spec.Timeout = &metav1.Duration{Duration: time.Hour}
	m.obs.Evidence = collect.Progress{Waited: 5 * time.Hour}
	for left, want := range map[time.Duration]State{time.Second: Running, 0: TimedOut} {
		m.obs.Now = epoch().Add(6*time.Hour - left)
		if got := stateOf(m.tr, m.obs, Plan{}); got != want {
			t.Errorf("%s before the end of its time: want %s, got %s", left, want, got)
		}
	}
	m.obs.Now = epoch().Add(6*time.Hour - time.Second)
	status, _ := statusFor(m.tr, Running, m.obs, Plan{}, Effect{})
	if got := wait(m.tr, status, m.obs, Plan{}, Effect{}); got != time.Second {
		t.Errorf("want the run looked at again at the end of its time, got %s", got)
	}
}
