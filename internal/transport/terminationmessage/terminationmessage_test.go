package terminationmessage

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/validation"
)

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func spec() *v1.TaskSpec {
	s := &v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "digest"}, {Name: "images", Type: v1.TypeArray}},
		Steps:   []v1.Step{{Name: "one", Image: "i"}, {Name: "two", Image: "i"}},
	}
	validation.DefaultTaskSpec(s)
	return s
}

// runPod is the pod of spec with the given states of its steps, reported by the kubelet in the other order.
func runPod(states ...corev1.ContainerState) *corev1.Pod {
	p := &corev1.Pod{}
	for i, name := range podpaths.StepContainers(spec()) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name})
		if i < len(states) {
			p.Status.ContainerStatuses = slices.Insert(p.Status.ContainerStatuses, 0, corev1.ContainerStatus{Name: name, State: states[i]})
		}
	}
	return p
}

func terminated(exitCode int32, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: exitCode, Message: message, StartedAt: metav1.NewTime(epoch()), FinishedAt: metav1.NewTime(epoch()),
	}}
}

func value(name, text string) frame.Result { return frame.Result{Name: name, Value: []byte(text)} }

// record is the termination message of a step that ended with this exit code and made these results.
func record(t *testing.T, exitCode int, results ...frame.Result) string {
	t.Helper()
	reason := frame.ReasonCompleted
	if exitCode != 0 {
		reason = frame.ReasonError
	}
	message, err := termination.EncodeMessage(termination.Message{
		Step:    frame.Step{ExitCode: exitCode, Reason: reason, StartedAt: epoch(), FinishedAt: epoch()},
		Results: results,
	}, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

func noise(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(b)
}

func TestGather(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	cases := map[string]struct {
		reason  string
		states  []corev1.ContainerState
		results []string // name=value
		steps   []frame.Reason
		gaveUp  bool
	}{
		"Both": {
			reason:  "each step brings its own",
			states:  []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), terminated(0, record(t, 0, value("images", "[]")))},
			results: []string{"digest=d", "images=[]"},
			steps:   []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted},
		},
		"Replaced": {
			reason: "the later step's value is what the file holds",
			states: []corev1.ContainerState{
				terminated(0, record(t, 0, value("digest", "old"))),
				terminated(0, record(t, 0, value("digest", "new"))),
			},
			results: []string{"digest=new"},
			steps:   []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted},
		},
		"Lost": {
			reason: "a step without a record ended as its container did",
			states: []corev1.ContainerState{terminated(137, ""), terminated(1, record(t, 1))},
			steps:  []frame.Reason{frame.ReasonLost, frame.ReasonError},
		},
		"OverBudget": {
			reason: "a step whose results do not fit its message brings a problem, and no result",
			states: []corev1.ContainerState{terminated(0, record(t, 0, value("digest", noise(5000)))), terminated(0, record(t, 0))},
			steps:  []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted},
		},
		"Foreign": {
			reason: "results that the task does not declare are no results",
			states: []corev1.ContainerState{terminated(0, record(t, 0, value("other", "x"))), terminated(0, record(t, 0))},
			steps:  []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted},
		},
		"Truncated": {
			reason: "a message that the kubelet cut is refused, never half a result",
			states: []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))[:20]), terminated(0, record(t, 0))},
			gaveUp: true,
		},
		"StillRuns": {
			reason: "nothing is known before all steps have ended",
			states: []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), running},
		},
		"Unseen": {
			reason: "a container of which the kubelet has said nothing has not ended",
			states: []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d")))},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Transport{}.Progress(transport.Run{Pod: runPod(tc.states...), Spec: spec()})
			if got.GaveUp != tc.gaveUp || (got.Set != nil) != (tc.steps != nil) {
				t.Fatalf("%s: got %+v", tc.reason, got)
			}
			var results []string
			var reasons []frame.Reason
			if got.Set != nil {
				for _, r := range got.Set.Results {
					results = append(results, r.Name+"="+string(r.Value))
				}
				for _, s := range got.Set.Steps {
					reasons = append(reasons, s.Reason)
				}
			}
			if diff := cmp.Diff(tc.results, results); diff != "" {
				t.Errorf("%s: results: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.steps, reasons); diff != "" {
				t.Errorf("%s: steps: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestGatherNeverHides: what a message says is believed only as far as it agrees with its container, and a result that was
// there is not silently gone.
func TestGatherNeverHides(t *testing.T) {
	removed := func(name string) string {
		message, err := termination.EncodeMessage(termination.Message{
			Step: frame.Step{Reason: frame.ReasonCompleted, StartedAt: epoch(), FinishedAt: epoch()}, Removed: []string{name},
		}, 4096)
		if err != nil {
			t.Fatal(err)
		}
		return string(message)
	}
	missing := []frame.Problem{{Result: "digest", Kind: frame.Missing, Detail: `an earlier step left it, and "step-two" deleted it`}}
	cases := map[string]struct {
		reason   string
		states   []corev1.ContainerState
		results  int
		problems []frame.Problem
		first    frame.Reason
	}{
		"Deleted": {
			reason:   "a result that a later step deleted is not one that was never there",
			states:   []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), terminated(0, removed("digest"))},
			problems: missing,
			first:    frame.ReasonCompleted,
		},
		"DeletedUndeclared": {
			reason:  "what the task does not declare is nobody's loss",
			states:  []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), terminated(0, removed("other"))},
			results: 1,
			first:   frame.ReasonCompleted,
		},
		"WrittenAgain": {
			reason:  "what counts is what is there in the end",
			states:  []corev1.ContainerState{terminated(0, removed("digest")), terminated(0, record(t, 0, value("digest", "new")))},
			results: 1,
			first:   frame.ReasonCompleted,
		},
		"ForgedBeforeKill": {
			reason:  "a step wrote a message itself, and its entrypoint was killed then",
			states:  []corev1.ContainerState{terminated(137, record(t, 0, value("digest", "d"))), terminated(0, record(t, 0))},
			results: 1,
			first:   frame.ReasonLost,
		},
		"CouldNotTell": {
			reason: "the entrypoint could not tell the next step, which was skipped: both well ended would be green",
			states: []corev1.ContainerState{terminated(1, record(t, 0)), terminated(1, record(t, 1))},
			first:  frame.ReasonLost,
		},
		"WellWithoutRecord": {
			reason: "a container that ended well and says nothing was not ended by its entrypoint",
			states: []corev1.ContainerState{terminated(0, ""), terminated(0, record(t, 0))},
			first:  frame.ReasonLost,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := Transport{}.Progress(transport.Run{Pod: runPod(tc.states...), Spec: spec()}).Set
			if set == nil || len(set.Results) != tc.results || set.Steps[0].Reason != tc.first {
				t.Fatalf("%s: got %+v", tc.reason, set)
			}
			if diff := cmp.Diff(tc.problems, set.Problems); diff != "" {
				t.Errorf("%s: problems: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestGatherWithoutPod(t *testing.T) {
	if diff := cmp.Diff(collect.Progress{}, Transport{}.Progress(transport.Run{Spec: spec()})); diff != "" {
		t.Errorf("a pod that is gone has taken its messages along: -want +got:\n%s", diff)
	}
}
