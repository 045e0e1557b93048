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
	"github.com/sluice-ci/sluice/internal/pod"
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
	for i, name := range pod.StepContainers(spec()) {
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
		"Both":       {"each step brings its own", []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), terminated(0, record(t, 0, value("images", "[]")))}, []string{"digest=d", "images=[]"}, []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted}, false},
		"Replaced":   {"the later step's value is what the file holds", []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "old"))), terminated(0, record(t, 0, value("digest", "new")))}, []string{"digest=new"}, []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted}, false},
		"Lost":       {"a step without a record ended as its container did", []corev1.ContainerState{terminated(137, ""), terminated(1, record(t, 1))}, nil, []frame.Reason{frame.ReasonLost, frame.ReasonError}, false},
		"OverBudget": {"a step whose results do not fit its message brings a problem, and no result", []corev1.ContainerState{terminated(0, record(t, 0, value("digest", noise(5000)))), terminated(0, record(t, 0))}, nil, []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted}, false},
		"Foreign":    {"results that the task does not declare are no results", []corev1.ContainerState{terminated(0, record(t, 0, value("other", "x"))), terminated(0, record(t, 0))}, nil, []frame.Reason{frame.ReasonCompleted, frame.ReasonCompleted}, false},
		"Truncated":  {"a message that the kubelet cut is refused, never half a result", []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))[:20]), terminated(0, record(t, 0))}, nil, nil, true},
		"StillRuns":  {"nothing is known before all steps have ended", []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), running}, nil, nil, false},
		"Unseen":     {"a container of which the kubelet has said nothing has not ended", []corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d")))}, nil, nil, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := Method{}.Gather(transport.Run{Pod: runPod(tc.states...), Spec: spec()})
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
		"Deleted": {"a result that a later step deleted is not one that was never there",
			[]corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), terminated(0, removed("digest"))}, 0, missing, frame.ReasonCompleted},
		"DeletedUndeclared": {"what the task does not declare is nobody's loss",
			[]corev1.ContainerState{terminated(0, record(t, 0, value("digest", "d"))), terminated(0, removed("other"))}, 1, nil, frame.ReasonCompleted},
		"WrittenAgain": {"what counts is what is there in the end",
			[]corev1.ContainerState{terminated(0, removed("digest")), terminated(0, record(t, 0, value("digest", "new")))}, 1, nil, frame.ReasonCompleted},
		"ForgedBeforeKill": {"a step wrote a message itself, and its entrypoint was killed then",
			[]corev1.ContainerState{terminated(137, record(t, 0, value("digest", "d"))), terminated(0, record(t, 0))}, 1, nil, frame.ReasonLost},
		"CouldNotTell": {"the entrypoint could not tell the next step, which was skipped: both well ended would be green",
			[]corev1.ContainerState{terminated(1, record(t, 0)), terminated(1, record(t, 1))}, 0, nil, frame.ReasonLost},
		"WellWithoutRecord": {"a container that ended well and says nothing was not ended by its entrypoint",
			[]corev1.ContainerState{terminated(0, ""), terminated(0, record(t, 0))}, 0, nil, frame.ReasonLost},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := Method{}.Gather(transport.Run{Pod: runPod(tc.states...), Spec: spec()}).Set
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
	if diff := cmp.Diff(collect.Progress{}, Method{}.Gather(transport.Run{Spec: spec()})); diff != "" {
		t.Errorf("a pod that is gone has taken its messages along: -want +got:\n%s", diff)
	}
}
