package taskrun

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestStepEnds: how a step ended has the words and the exit codes that clients of the public API know.
func TestStepEnds(t *testing.T) {
	type end struct {
		ExitCode                  int32
		Reason, TerminationReason string
	}
	oom := func(code int32) corev1.ContainerState {
		s := terminated(code, "")
		s.Terminated.Reason = pod.ReasonOOMKilled
		return s
	}
	cases := map[string]struct {
		reason string
		record frame.Step
		seen   corev1.ContainerState
		want   end
	}{
		"Completed": {
			reason: "the normal end",
			record: step("step-one", 0, frame.ReasonCompleted),
			seen:   terminated(0, ""),
			want:   end{0, "Completed", "Completed"},
		},
		"Failed": {
			reason: "the exit code of the command",
			record: step("step-one", 3, frame.ReasonError),
			seen:   terminated(3, ""),
			want:   end{3, "Error", "Error"},
		},
		"Continued": {
			reason: "the container has completed, and the command had this exit code",
			record: step("step-one", 3, frame.ReasonContinued),
			seen:   terminated(0, ""),
			want:   end{3, "Completed", "Continued"},
		},
		"ContinuedUnseen": {
			reason: "the same before the kubelet reports it",
			record: step("step-one", 3, frame.ReasonContinued),
			seen:   running(),
			want:   end{3, "Completed", "Continued"},
		},
		"SkippedAfterFailure": {
			reason: "a step that is skipped because of a failure does not succeed",
			record: step("step-one", frame.SkippedExitCode, frame.ReasonSkipped),
			seen:   terminated(1, ""),
			want:   end{1, "Error", "Skipped"},
		},
		"SkippedByWhen": {
			reason: "a step that its when expressions skip is no failure",
			record: step("step-one", 0, frame.ReasonSkipped),
			seen:   terminated(0, ""),
			want:   end{0, "Completed", "Skipped"},
		},
		"TimedOut": {
			reason: "the exit code of a step that took too long is 1",
			record: step("step-one", frame.TimedOutExitCode, frame.ReasonTimedOut),
			seen:   terminated(1, ""),
			want:   end{1, "Error", "TimeoutExceeded"},
		},
		"Cancelled": {
			reason: "its pod was asked to end",
			record: step("step-one", 143, frame.ReasonCancelled),
			seen:   running(),
			want:   end{143, "Error", "Cancelled"},
		},
		"Killed": {
			reason: "a signal is a failure of the command",
			record: step("step-one", 139, frame.ReasonKilled),
			seen:   terminated(139, ""),
			want:   end{139, "Error", "Error"},
		},
		"NotStarted": {
			reason: "so is a command that does not exist",
			record: step("step-one", 127, frame.ReasonStartError),
			seen:   terminated(127, ""),
			want:   end{127, "Error", "Error"},
		},
		"OutOfMemory": {
			reason: "the kubelet has a word for it",
			record: step("step-one", 137, frame.ReasonKilled),
			seen:   oom(137),
			want:   end{137, "OOMKilled", "OOMKilled"},
		},
		"Lost": {
			reason: "only the container is known",
			record: step("step-one", frame.LostExitCode, frame.ReasonLost),
			seen:   oom(137),
			want:   end{137, "OOMKilled", "OOMKilled"},
		},
		"LostUnseen": {
			reason: "not even the container is known",
			record: step("step-one", frame.LostExitCode, frame.ReasonLost),
			seen:   running(),
			want:   end{137, "Error", "Error"},
		},
		"Forged": {
			reason: "a step that wrote its own record has failed",
			record: step("step-one", 1, frame.ReasonForged),
			seen:   terminated(0, ""),
			want:   end{1, "Error", "Error"},
		},
		"Unfinished": {
			reason: "its end was seen by the kubelet alone",
			record: step("step-one", frame.UnfinishedExitCode, frame.ReasonUnfinished),
			seen:   terminated(137, ""),
			want:   end{137, "Error", "Error"},
		},
		"UnfinishedUnseen": {
			reason: "its end was not seen",
			record: step("step-one", frame.UnfinishedExitCode, frame.ReasonUnfinished),
			seen:   running(),
			want:   end{-1, "Error", "Unfinished"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			state := v1.StepState{Name: "one", Container: "step-one", ContainerState: tc.seen}
			merge(&state, tc.record)
			got := end{state.Terminated.ExitCode, state.Terminated.Reason, state.TerminationReason}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestStepEndKeepsWhatTheKubeletReported: a record has no container, and may have no start.
func TestStepEndKeepsWhatTheKubeletReported(t *testing.T) {
	seen := terminated(0, "")
	seen.Terminated.ContainerID = "containerd://abc"
	state := v1.StepState{Container: "step-one", ContainerState: seen}
	merge(&state, step("step-one", 0, frame.ReasonCompleted))
	if got := state.Terminated.ContainerID; got != "containerd://abc" {
		t.Errorf("want the container of the kubelet's report, got %q", got)
	}
	record := step("step-one", 0, frame.ReasonCompleted)
	record.StartedAt = time.Time{}
	state = v1.StepState{Container: "step-one", ContainerState: running()}
	merge(&state, record)
	if got := state.Terminated.StartedAt; !got.Equal(&running().Running.StartedAt) {
		t.Errorf("want the start of the kubelet's report, got %s", got)
	}
}
