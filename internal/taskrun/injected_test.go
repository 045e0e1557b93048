package taskrun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
)

// TestInjectedContainersCarryNothing: whatever an injected container does, a run goes by its steps and its results sidecar.
func TestInjectedContainersCarryNothing(t *testing.T) {
	over := terminated(0, record(0))
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		state  State
	}{
		"Waits": {
			reason: "it has not started, and all steps run",
			pod:    mesh(runPod(corev1.PodPending, running(), running()), waiting("ContainerCreating")),
			state:  Running,
		},
		"Unpullable": {
			reason: "its image cannot be pulled, and all steps run",
			pod:    mesh(runPod(corev1.PodPending, running(), running()), waiting("ImagePullBackOff")),
			state:  Running,
		},
		"Runs": {
			reason: "the pod failed before a step ran: nothing will tell more",
			pod:    mesh(runPod(corev1.PodFailed, waiting("PodInitializing"), waiting("PodInitializing")), running()),
			state:  PodFailed,
		},
		"NoSidecar": {
			reason: "the results sidecar has not started, whatever else has",
			pod:    mesh(runPod(corev1.PodFailed, over, over, waiting("PodInitializing")), running()),
			state:  PodFailed,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := stateOf(taskRun(started), observation(withPod(tc.pod)), Plan{}); got != tc.state {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.state, got)
			}
		})
	}
}

// TestMessageThatInjectedContainersCut: what the kubelet keeps of a message gets smaller with each container of the pod. A
// message that is cut is no message, and the run says who takes the room.
func TestMessageThatInjectedContainersCut(t *testing.T) {
	whole := record(0, value("digest", "", strings.Repeat("d", 3000)))
	p := mesh(runPod(corev1.PodRunning, terminated(0, whole[:2048]), terminated(0, record(0))), running())
	obs := observation(withPod(p))
	obs.Evidence = terminationmessage.Transport{}.Progress(transport.Run{Pod: p, Spec: obs.Task.Spec})
	tr := taskRun(started)
	got := outcomeOf(tr, stateOf(tr, obs, Plan{}), obs, Plan{})
	if got == nil || got.Condition.Reason != v1.TaskRunReasonResultsUnavailable ||
		!strings.Contains(got.Condition.Message, `["istio-proxy"]`) || !strings.Contains(got.Condition.Message, "12288 bytes") {
		t.Errorf("want the injected container and the limit named, got %+v", got)
	}
}

// TestRecordThatInjectedContainersCut: a step whose record is cut is not lost where something else carries the results. It
// is where nothing does, or it left something else.
func TestRecordThatInjectedContainersCut(t *testing.T) {
	whole := record(0)
	cut := whole[:len(whole)-10]
	compressed, err := termination.Encode(
		[]termination.Entry{{Key: "Reason", Value: strings.Repeat("r", 3000), Type: termination.TypeInternal}},
		1000,
	)
	if err != nil {
		t.Fatal("cannot set up:", err)
	}
	cases := map[string]struct {
		reason string
		pod    *corev1.Pod
		lost   bool
	}{
		"Cut": {
			reason: "the results sidecar has the record whole",
			pod:    mesh(runPod(corev1.PodRunning, terminated(0, cut), running(), running()), running()),
			lost:   false,
		},
		"CutCompressed": {
			reason: "a record may be compressed",
			pod:    mesh(runPod(corev1.PodRunning, terminated(0, string(compressed[:len(compressed)-9])), running(), running()), running()),
			lost:   false,
		},
		"NoSidecar": {
			reason: "nobody else has the record",
			pod:    mesh(runPod(corev1.PodRunning, terminated(0, cut), running()), running()),
			lost:   true,
		},
		"Words": {
			reason: "what a step says itself is no record",
			pod:    mesh(runPod(corev1.PodRunning, terminated(0, "[done]"), running(), running()), running()),
			lost:   true,
		},
		"OtherList": {
			reason: "nor is a whole list without a record",
			pod:    mesh(runPod(corev1.PodRunning, terminated(0, `[{"key":"a","value":"b","type":3}]`), running(), running()), running()),
			lost:   true,
		},
		"Kubelet": {
			reason: "nor are the words of the kubelet",
			pod:    mesh(runPod(corev1.PodRunning, terminatedAs(128, "StartError", cut), running(), running()), running()),
			lost:   true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := stateOf(taskRun(started), observation(withPod(tc.pod)), Plan{}) == StepLost; got != tc.lost {
				t.Errorf("%s: lost is %t, want %t", tc.reason, got, tc.lost)
			}
		})
	}
}

// TestKubeletsWordsAreNoMessageOfAStep: a container that was never started left no message, and what the steps before it
// left is kept.
func TestKubeletsWordsAreNoMessageOfAStep(t *testing.T) {
	for _, reason := range []string{"StartError", "ContainerCannotRun", "ContainerStatusUnknown"} {
		t.Run(reason, func(t *testing.T) {
			p := runPod(corev1.PodFailed, terminated(0, record(0, value("digest", "", "d"))), terminatedAs(128, reason, startWords))
			obs := observation(withPod(p))
			obs.Evidence = terminationmessage.Transport{}.Progress(transport.Run{Pod: p, Spec: obs.Task.Spec})
			tr := taskRun(started)
			got := outcomeOf(tr, stateOf(tr, obs, Plan{}), obs, Plan{})
			if got == nil || got.Condition.Reason != v1.TaskRunReasonFailed || len(got.Results) != 1 ||
				!strings.Contains(got.Condition.Message, startWords) {
				t.Errorf("want the result kept and the kubelet's words, got %+v", got)
			}
		})
	}
}
