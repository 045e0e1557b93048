package taskrun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestStepThatWasNeverStarted: the steps after it would wait forever, and are ended. None of them is the cause.
func TestStepThatWasNeverStarted(t *testing.T) {
	broken := terminated(128, "no shim")
	broken.Terminated.Reason = "StartError"
	unstarted := runPod(corev1.PodFailed, broken, terminated(143, ""), terminated(0, ""))
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		steps  []frame.Step
		want   string
	}{
		"Ended": {
			reason: "the one that was never started is why another was ended",
			pod:    unstarted,
			steps:  []frame.Step{step("step-two", 143, frame.ReasonCancelled), step("step-one", -1, frame.ReasonUnfinished)},
			want:   `container "step-one" could not be started: no shim`,
		},
		"Alone": {
			reason: "nobody saw its end",
			pod:    unstarted,
			steps:  []frame.Step{step("step-one", -1, frame.ReasonUnfinished)},
			want:   `container "step-one" could not be started: no shim`,
		},
		"Failed": {
			reason: "a step that failed by itself is what failed",
			pod:    unstarted,
			steps:  []frame.Step{step("step-two", 3, frame.ReasonError)},
			want:   `"step-two" exited with code 3`,
		},
		"Gone": {
			reason: "of a pod that is gone nobody knows why",
			steps:  []frame.Step{step("step-two", 143, frame.ReasonCancelled)},
			want:   `"step-two" exited with code 143`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			obs := observation(withPod(tc.pod), withEvidence(collect.Progress{Set: &collect.Set{Steps: tc.steps}}))
			got := outcomeOf(taskRun(started), Collected, obs, Plan{}).Condition
			if got.Reason != v1.TaskRunReasonFailed || !strings.HasPrefix(got.Message, tc.want) {
				t.Errorf("%s: want %q first, got %s: %s", tc.reason, tc.want, got.Reason, got.Message)
			}
		})
	}
}
