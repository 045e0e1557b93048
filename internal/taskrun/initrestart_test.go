package taskrun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
)

// TestInitContainerRestarts: an init container that another component has injected fails. If it has a restart policy for itself, the
// kubelet starts it again, and the run must not end before that.
func TestInitContainerRestarts(t *testing.T) {
	policy := func(p corev1.ContainerRestartPolicy) corev1.Container {
		return corev1.Container{Name: "prepare", RestartPolicy: &p}
	}
	rules := policy(corev1.ContainerRestartPolicyNever)
	rules.RestartPolicyRules = []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestart}}
	failed := terminatedAs(3, "Error", "no answer")
	cases := map[string]struct {
		container corev1.Container
		status    corev1.ContainerStatus
		ended     bool
		want      State
		// message is a part of the message of the run.
		message string
	}{
		"WithoutPolicy": {
			container: corev1.Container{Name: "prepare"},
			status:    corev1.ContainerStatus{State: failed},
			want:      PodFailed,
			message:   `init container "prepare" exited with code 3`,
		},
		"Never": {
			container: policy(corev1.ContainerRestartPolicyNever),
			status:    corev1.ContainerStatus{State: failed},
			want:      PodFailed,
			message:   `init container "prepare" exited with code 3`,
		},
		"OnFailure": {
			container: policy(corev1.ContainerRestartPolicyOnFailure),
			status:    corev1.ContainerStatus{State: failed},
			want:      Pending,
			message:   `init container "prepare" exited with code 3, and may be restarted`,
		},
		"Rules": {
			container: rules,
			status:    corev1.ContainerStatus{State: failed},
			want:      Pending,
			message:   `init container "prepare" exited with code 3, and may be restarted`,
		},
		"Paused": {
			container: policy(corev1.ContainerRestartPolicyOnFailure),
			status:    corev1.ContainerStatus{State: waiting(waitingCrashLoop), LastTerminationState: failed, RestartCount: 1},
			want:      Pending,
			message:   `container "prepare": CrashLoopBackOff: it exited with code 3 (Error)`,
		},
		"TooOften": {
			container: policy(corev1.ContainerRestartPolicyOnFailure),
			status:    corev1.ContainerStatus{State: waiting(waitingCrashLoop), LastTerminationState: failed, RestartCount: maxCrashes},
			want:      PodFailed,
			message:   `init container "prepare" exited with code 3 (Error: no answer), and was started again 6 times`,
		},
		"TooOftenWithoutPause": {
			container: rules,
			status:    corev1.ContainerStatus{State: waiting("RestartingAllContainers"), LastTerminationState: failed, RestartCount: maxCrashes},
			want:      PodFailed,
			message:   `init container "prepare" exited with code 3 (Error: no answer), and was started again 6 times`,
		},
		"TooOftenAtLength": {
			container: policy(corev1.ContainerRestartPolicyOnFailure),
			status:    corev1.ContainerStatus{State: failed, LastTerminationState: failed, RestartCount: maxCrashes},
			want:      PodFailed,
			message:   `init container "prepare" exited with code 3 (Error: no answer), and was started again 6 times`,
		},
		"LastTry": {
			container: policy(corev1.ContainerRestartPolicyOnFailure),
			status:    corev1.ContainerStatus{State: running(), LastTerminationState: failed, RestartCount: maxCrashes},
			want:      Pending,
			message:   `init container "prepare" has not ended yet`,
		},
		"EndedWhilePaused": {
			container: policy(corev1.ContainerRestartPolicyOnFailure),
			status: corev1.ContainerStatus{
				State:                terminatedAs(137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated"),
				LastTerminationState: failed,
				RestartCount:         1,
			},
			ended:   true,
			want:    PodFailed,
			message: `init container "prepare" exited with code 3`,
		},
		"RulesDoNotMatch": {
			container: rules,
			status:    corev1.ContainerStatus{State: failed},
			ended:     true,
			want:      PodFailed,
			message:   `init container "prepare" exited with code 3`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(func(tr *v1.TaskRun) { tr.Status.PodName = "build-pod" })
			step := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: waitingInitializing}}
			p := runPod(corev1.PodPending, step, step)
			if tc.ended {
				p.Status.Phase = corev1.PodFailed
			}
			tc.status.Name = tc.container.Name
			p.Spec.InitContainers, p.Status.InitContainerStatuses = []corev1.Container{tc.container}, []corev1.ContainerStatus{tc.status}
			pod.Trim(p) // as the cache has it
			obs := observation(withPod(p))
			state := stateOf(tr, obs, Plan{})
			if state != tc.want {
				t.Fatalf("got state %s, want %s", state, tc.want)
			}
			message := awaitedStart(obs)
			if outcome := outcomeOf(tr, state, obs, Plan{}); outcome != nil {
				message = outcome.Condition.Message
			}
			if !strings.Contains(message, tc.message) {
				t.Errorf("the message must have %q: %s", tc.message, message)
			}
		})
	}
}
