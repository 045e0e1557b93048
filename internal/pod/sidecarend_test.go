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
		b, err := termination.EncodeMessage(termination.Message{Step: frame.Step{ExitCode: code, Reason: reason, Message: text, FinishedAt: time.Unix(0, 0)}}, 4096)
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
		want        []SidecarEnd
	}{
		"Running":     {"A sidecar that runs has not failed.", running, corev1.ContainerState{}, nil},
		"Asked":       {"Nor has one that was asked to end.", ended(143, "Error", recorded(143, frame.ReasonCancelled, "")), corev1.ContainerState{}, nil},
		"Completed":   {"Nor one that had done its work.", ended(0, "Completed", recorded(0, frame.ReasonCompleted, "")), corev1.ContainerState{}, nil},
		"Failed":      {"One that failed before says how.", ended(3, "Error", recorded(3, frame.ReasonError, "")), corev1.ContainerState{}, []SidecarEnd{{"sidecar-s", false, `"sidecar-s" exited with code 3 (Error)`}}},
		"NotStarted":  {"One that could not start says why.", ended(127, "Error", recorded(127, frame.ReasonStartError, "no such tool")), corev1.ContainerState{}, []SidecarEnd{{"sidecar-s", false, `"sidecar-s" exited with code 127 (StartError): no such tool`}}},
		"OutOfMemory": {"One that was killed for its memory is running again, and does nothing.", running, ended(137, "OOMKilled", ""), []SidecarEnd{{"sidecar-s", true, `"sidecar-s" used more memory than its limit`}}},
		"Own":         {"Without a record the exit code says it.", ended(3, "Error", "own words"), corev1.ContainerState{}, []SidecarEnd{{"sidecar-s", false, `"sidecar-s" exited with code 3 (Error)`}}},
		"OwnAsked":    {"An exit code can say that it was asked to.", ended(143, "Error", ""), corev1.ContainerState{}, nil},
		"Liveness":    {"One that its probe had restarted was asked to end.", running, ended(143, "Error", recorded(143, frame.ReasonCancelled, "")), nil},
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
