package taskrun

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
)

func value(name, typ, text string) frame.Result {
	return frame.Result{Name: name, Type: typ, Value: []byte(text)}
}

func step(name string, code int, reason frame.Reason) frame.Step {
	return frame.Step{Name: name, ExitCode: code, Reason: reason, StartedAt: epoch(), FinishedAt: epoch()}
}

func TestOutcomeOfCollected(t *testing.T) {
	good := []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 0, frame.ReasonCompleted)}
	bad := []frame.Step{step("step-one", 3, frame.ReasonError), step("step-two", 1, frame.ReasonSkipped)}
	digest := v1.TaskRunResult{Name: "digest", Type: v1.TypeString, Value: v1.StringValue("d")}
	images := v1.TaskRunResult{Name: "images", Type: v1.TypeArray, Value: v1.ArrayValue("a", "b")}
	unstarted := runPod(corev1.PodRunning, terminated(0, ""), terminatedAs(128, "StartError", "no shim"), running())
	oom := runPod(corev1.PodRunning, terminated(137, ""), running(), running())
	oom.Status.ContainerStatuses[0].State.Terminated.Reason = "OOMKilled"
	cases := map[string]struct {
		reason  string
		set     collect.Set
		pod     *corev1.Pod
		status  metav1.ConditionStatus
		want    string   // the condition's reason
		message []string // parts of the condition's message
		results []v1.TaskRunResult
	}{
		"AllWell": {
			reason:  "both results, typed",
			set:     collect.Set{Steps: good, Results: []frame.Result{value("digest", "string", "d"), value("images", "array", `["a","b"]`)}},
			status:  metav1.ConditionTrue,
			want:    v1.TaskRunReasonSucceeded,
			results: []v1.TaskRunResult{digest, images},
		},
		"Absent": {
			reason:  "a declared result that was not written is absent",
			set:     collect.Set{Steps: good, Results: []frame.Result{value("digest", "string", "d")}},
			status:  metav1.ConditionTrue,
			want:    v1.TaskRunReasonSucceeded,
			results: []v1.TaskRunResult{digest},
		},
		"FailedStepKeepsResults": {
			reason:  "what a failing step wrote is kept",
			set:     collect.Set{Steps: bad, Results: []frame.Result{value("digest", "string", "d")}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonFailed,
			message: []string{`"step-one" exited with code 3`},
			results: []v1.TaskRunResult{digest},
		},
		"TooLarge": {
			reason: "over the limit: named with size, limit and flag, the others kept",
			set: collect.Set{Steps: good, Results: []frame.Result{value("images", "array", `["a","b"]`)},
				Problems: []frame.Problem{{Result: "digest", Kind: frame.TooLarge, Size: 5000, Limit: 4096}}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonResultTooLarge,
			message: []string{`result "digest" has 5000 bytes`, "4096", "max-result-size"},
			results: []v1.TaskRunResult{images},
		},
		"OverBudget": {
			reason: "termination messages: step, result, and the way out",
			set: collect.Set{
				Steps:    good,
				Problems: []frame.Problem{{Result: "digest", Kind: frame.OverBudget, Size: 5000, Limit: 4096, Detail: "step-one"}},
			},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonResultTooLarge,
			message: []string{`"step-one" need 5000 bytes`, `"digest"`, "results-from: sidecar-logs"},
		},
		"NotUTF8": {
			reason:  "bytes that the API cannot hold are not altered",
			set:     collect.Set{Steps: good, Problems: []frame.Problem{{Result: "digest", Kind: frame.NotUTF8}}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonResultNotUTF8,
			message: []string{`result "digest" is not valid UTF-8`},
		},
		"Symlink": {
			reason:  "what is no plain file is named",
			set:     collect.Set{Steps: good, Problems: []frame.Problem{{Result: "digest", Kind: frame.NotRegular, Detail: "symbolic link"}}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonResultUnreadable,
			message: []string{`result "digest" cannot be read (NotRegular): symbolic link`},
		},
		"WrongType": {
			reason:  "an array that is none fails the run by name",
			set:     collect.Set{Steps: good, Results: []frame.Result{value("images", "array", `"a"`)}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonValidationFailed,
			message: []string{`"images"`},
		},
		"StepBeforeProblem": {
			reason:  "a user hears first that a step failed, then the rest",
			set:     collect.Set{Steps: bad, Problems: []frame.Problem{{Result: "digest", Kind: frame.NotUTF8}}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonFailed,
			message: []string{`"step-one" exited with code 3`, `result "digest" is not valid UTF-8`},
		},
		"Lost": {
			reason:  "exit 137 without a record (#10371) is an outcome at once",
			set:     collect.Set{Steps: []frame.Step{step("step-one", 137, frame.ReasonLost)}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonFailed,
			message: []string{`"step-one" exited with code 137 (Lost)`},
		},
		"OOM": {
			reason:  "memory is said to be the cause where the kubelet says so",
			set:     collect.Set{Steps: []frame.Step{step("step-one", 137, frame.ReasonLost)}},
			pod:     oom,
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonStepOOM,
			message: []string{"memory"},
		},
		"SkippedForNothing": {
			reason:  "a step that was skipped as after a failure, without one, is no success",
			set:     collect.Set{Steps: []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 1, frame.ReasonSkipped)}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonFailed,
			message: []string{`"step-two" was skipped`},
		},
		"SkippedByGuard": {
			reason: "a step that its guard skipped is fine",
			set:    collect.Set{Steps: []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 0, frame.ReasonSkipped)}},
			status: metav1.ConditionTrue,
			want:   v1.TaskRunReasonSucceeded,
		},
		"Forged": {
			reason: "a step that forged the record of its end is named, and no result is kept",
			set: collect.Set{
				Results:  []frame.Result{value("digest", "string", "evil")},
				Steps:    []frame.Step{step("step-one", 1, frame.ReasonForged), step("step-two", 0, frame.ReasonCompleted)},
				Problems: []frame.Problem{{Result: "images", Kind: frame.Withheld}},
			},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonFailed,
			message: []string{`"step-one" exited with code 1 (Forged)`, `result "images" is not kept`},
		},
		"NeverStarted": {
			reason:  "a container that was never started has completed nothing, whatever its record says",
			set:     collect.Set{Steps: good},
			pod:     unstarted,
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonFailed,
			message: []string{`container "step-two" could not be started: no shim (StartError)`},
		},
		"NoRecord": {
			reason:  "a step that nothing is known of may have failed",
			set:     collect.Set{Steps: good[:1]},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonResultsUnavailable,
			message: []string{`no record of container "step-two"`},
		},
		"Missing": {
			reason:  "a result that a step left and another deleted is named",
			set:     collect.Set{Steps: good, Problems: []frame.Problem{{Result: "digest", Kind: frame.Missing}}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonResultUnreadable,
			message: []string{`result "digest" was left by a step`},
		},
		"Interrupted": {
			reason:  "a step that was never seen to end is no success",
			set:     collect.Set{Interrupted: true, Steps: []frame.Step{step("step-one", -1, frame.ReasonUnfinished)}},
			status:  metav1.ConditionFalse,
			want:    v1.TaskRunReasonFailed,
			message: []string{"Unfinished"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := outcomeOf(taskRun(started), Collected, observation(withPod(tc.pod), withEvidence(collect.Progress{Set: &tc.set})), Plan{})
			if got.Condition.Status != tc.status || got.Condition.Reason != tc.want {
				t.Errorf("%s: want %s %s, got %+v", tc.reason, tc.status, tc.want, got.Condition)
			}
			for _, part := range tc.message {
				if !strings.Contains(got.Condition.Message, part) {
					t.Errorf("%s: want %q in the message, got %q", tc.reason, part, got.Condition.Message)
				}
			}
			if diff := cmp.Diff(tc.results, got.Results); diff != "" {
				t.Errorf("%s: results: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestOutcomeOfOtherStates(t *testing.T) {
	refusal := &transport.RefusalError{Message: "grant it with: kubectl apply"}
	evicted := runPod(corev1.PodFailed)
	evicted.Status.Reason, evicted.Status.Message = "Evicted", "the node was low on memory"
	gaveUp := func(err error) func(*Observation) {
		return withEvidence(collect.Progress{GaveUp: true, Err: err})
	}
	ended := runPod(corev1.PodSucceeded, terminated(0, ""), terminated(0, ""), terminated(0, ""))
	failedStep := runPod(corev1.PodFailed, terminated(2, ""), terminated(1, ""), terminated(0, ""))
	notStarted := terminated(128, "no shim")
	notStarted.Terminated.Reason = "StartError"
	unstarted := runPod(corev1.PodFailed, terminated(0, ""), terminated(0, ""), notStarted)
	cases := map[string]struct {
		reason  string
		state   State
		obs     Observation
		plan    Plan
		want    string
		message string
	}{
		"Refused": {
			reason:  "the command that grants the permission is part of the message",
			state:   Refused,
			obs:     observation(),
			plan:    Plan{Refusal: refusal},
			want:    v1.TaskRunReasonResultsLogAccessDenied,
			message: refusal.Message,
		},
		"Unpullable": {
			reason:  "container and image are named",
			state:   Unpullable,
			obs:     observation(withPod(runPod(corev1.PodPending, waiting("ImagePullBackOff")))),
			want:    v1.TaskRunReasonImagePullFailed,
			message: `container "step-one": image "busybox:1"`,
		},
		"Evicted": {
			reason:  "the kubelet's words",
			state:   PodFailed,
			obs:     observation(withPod(evicted)),
			want:    v1.TaskRunReasonPodEvicted,
			message: "low on memory",
		},
		"Deleted": {
			reason:  "the pod is named",
			state:   PodLost,
			obs:     observation(),
			want:    v1.TaskRunReasonPodDeleted,
			message: `"build-pod"`,
		},
		"TimedOut": {
			reason:  "the timeout and how to change it",
			state:   TimedOut,
			obs:     observation(),
			want:    v1.TaskRunReasonTimedOut,
			message: "1h0m0s",
		},
		"Unavailable": {
			reason:  "what was tried",
			state:   Uncollectable,
			obs:     observation(withPod(ended), gaveUp(frame.ErrGap)),
			want:    v1.TaskRunReasonResultsUnavailable,
			message: frame.ErrGap.Error(),
		},
		"Forbidden": {
			reason:  "a permission that was taken away while running",
			state:   Uncollectable,
			obs:     observation(withPod(ended), gaveUp(fmt.Errorf("tried: %w", refusal))),
			want:    v1.TaskRunReasonResultsLogAccessDenied,
			message: refusal.Message,
		},
		"SidecarEnded": {
			reason:  "steps that still run have not ended",
			state:   Uncollectable,
			obs:     observation(withPod(runPod(corev1.PodRunning, running(), running(), terminated(137, ""))), gaveUp(frame.ErrIncomplete)),
			want:    v1.TaskRunReasonResultsUnavailable,
			message: "has ended before the steps",
		},
		"Unstarted": {
			reason:  "why there is no log at all",
			state:   Uncollectable,
			obs:     observation(withPod(unstarted), gaveUp(frame.ErrIncomplete)),
			want:    v1.TaskRunReasonResultsUnavailable,
			message: `could not be started: no shim`,
		},
		"UnavailableStep": {
			reason:  "a step that failed is said first",
			state:   Uncollectable,
			obs:     observation(withPod(failedStep), gaveUp(frame.ErrGap)),
			want:    v1.TaskRunReasonFailed,
			message: `container "step-one" exited with code 2`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := outcomeOf(taskRun(started), tc.state, tc.obs, tc.plan)
			if got.Condition.Status != metav1.ConditionFalse || got.Condition.Reason != tc.want ||
				!strings.Contains(got.Condition.Message, tc.message) {
				t.Errorf("%s: want %s with %q, got %+v", tc.reason, tc.want, tc.message, got.Condition)
			}
		})
	}
}

// TestObjectLimit: peers let etcd refuse the object forever (#6076). Markup grows up to six times in JSON.
func TestObjectLimit(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		count  int
		fits   bool
	}{
		"Text": {
			reason: "1.4 MB of text fit",
			text:   strings.Repeat("x", 1_400_000),
			count:  1,
			fits:   true,
		},
		"TooMuch": {
			reason: "1.6 MB of text do not",
			text:   strings.Repeat("x", 1_600_000),
			count:  1,
		},
		"Markup": {
			reason: "300 kB of nothing but angle brackets take six times as much",
			text:   strings.Repeat("<", 300_000),
			count:  1,
		},
		"Sum": {
			reason: "each is small, all are too much",
			text:   strings.Repeat("x", 500_000),
			count:  4,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status := v1.TaskRunStatus{}
			status.SetCondition(v1.Succeeded("ok"), metav1.NewTime(epoch()))
			for i := range tc.count {
				status.Results = append(status.Results,
					v1.TaskRunResult{Name: "r" + string(rune('0'+i)), Type: v1.TypeString, Value: v1.StringValue(tc.text)})
			}
			got, _ := runKind().Fit(taskRun(), status, metav1.NewTime(epoch()))
			c := got.Condition()
			if tc.fits && (c.Status != metav1.ConditionTrue || len(got.Results) != tc.count) {
				t.Errorf("%s: got %+v with %d results", tc.reason, c, len(got.Results))
			}
			if !tc.fits && (c.Reason != v1.TaskRunReasonResultTooLarge || len(got.Results) != 0 ||
				!strings.Contains(c.Message, `"r0" with`) || !strings.Contains(c.Message, "1556480")) {
				t.Errorf("%s: want the limit and the largest results named, got %+v with %d results", tc.reason, c, len(got.Results))
			}
		})
	}
}
