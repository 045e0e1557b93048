package pod

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

func TestSidecarFailures(t *testing.T) {
	recorded := func(code int, reason frame.Reason, text string) string {
		b, err := termination.EncodeMessage(
			termination.Message{Step: frame.Step{ExitCode: code, Reason: reason, Message: text, FinishedAt: time.Unix(0, 0)}},
			4096,
		)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ended := func(code int32, reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}}
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	cases := map[string]struct {
		reason      string
		state, last corev1.ContainerState
		want        []SidecarExit
	}{
		"Running": {
			reason: "A sidecar that runs has not failed.",
			state:  running,
		},
		"Asked": {
			reason: "Nor has one that was asked to end.",
			state:  ended(143, "Error", recorded(143, frame.ReasonCancelled, "")),
		},
		"Completed": {
			reason: "Nor one that had done its work.",
			state:  ended(0, "Completed", recorded(0, frame.ReasonCompleted, "")),
		},
		"Failed": {
			reason: "One that failed before says how.",
			state:  ended(3, "Error", recorded(3, frame.ReasonError, "")),
			want:   []SidecarExit{{Container: "sidecar-s", Message: `"sidecar-s" exited with code 3 (Error)`}},
		},
		"NotStarted": {
			reason: "One that could not start says why.",
			state:  ended(127, "Error", recorded(127, frame.ReasonStartError, "no such tool")),
			want:   []SidecarExit{{Container: "sidecar-s", Message: `"sidecar-s" exited with code 127 (StartError): no such tool`}},
		},
		"OutOfMemory": {
			reason: "One that was killed for its memory is running again, and does nothing.",
			state:  running,
			last:   ended(137, "OOMKilled", ""),
			want:   []SidecarExit{{Container: "sidecar-s", OutOfMemory: true, Message: `"sidecar-s" used more memory than its limit`}},
		},
		"Own": {
			reason: "Without a record the exit code says it.",
			state:  ended(3, "Error", "own words"),
			want:   []SidecarExit{{Container: "sidecar-s", Message: `"sidecar-s" exited with code 3 (Error)`}},
		},
		"OwnAsked": {
			reason: "An exit code can say that it was asked to.",
			state:  ended(143, "Error", ""),
		},
		"Liveness": {
			reason: "One that its probe had restarted was asked to end.",
			state:  running,
			last:   ended(143, "Error", recorded(143, frame.ReasonCancelled, "")),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := &corev1.Pod{Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
				{Name: "prepare", State: ended(1, "OOMKilled", "")}, {Name: "sidecar-s", State: tc.state, LastTerminationState: tc.last},
			}}}
			if diff := cmp.Diff(tc.want, SidecarFailures(p)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
