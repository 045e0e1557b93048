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
		"AllWell": {"both results, typed", collect.Set{Steps: good, Results: []frame.Result{value("digest", "string", "d"), value("images", "array", `["a","b"]`)}}, nil,
			metav1.ConditionTrue, v1.TaskRunReasonSucceeded, nil, []v1.TaskRunResult{digest, images}},
		"Absent": {"a declared result that was not written is absent", collect.Set{Steps: good, Results: []frame.Result{value("digest", "string", "d")}}, nil,
			metav1.ConditionTrue, v1.TaskRunReasonSucceeded, nil, []v1.TaskRunResult{digest}},
		"FailedStepKeepsResults": {"what a failing step wrote is kept", collect.Set{Steps: bad, Results: []frame.Result{value("digest", "string", "d")}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonFailed, []string{`"step-one" exited with code 3`}, []v1.TaskRunResult{digest}},
		"TooLarge": {"over the limit: named with size, limit and flag, the others kept", collect.Set{Steps: good, Results: []frame.Result{value("images", "array", `["a","b"]`)},
			Problems: []frame.Problem{{Result: "digest", Kind: frame.TooLarge, Size: 5000, Limit: 4096}}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonResultTooLarge, []string{`result "digest" has 5000 bytes`, "4096", "max-result-size"}, []v1.TaskRunResult{images}},
		"OverBudget": {"termination messages: step, result, and the way out", collect.Set{Steps: good, Problems: []frame.Problem{{Result: "digest", Kind: frame.OverBudget, Size: 5000, Limit: 4096, Detail: "step-one"}}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonResultTooLarge, []string{`"step-one" need 5000 bytes`, `"digest"`, "results-from: sidecar-logs"}, nil},
		"NotUTF8": {"bytes that the API cannot hold are not altered", collect.Set{Steps: good, Problems: []frame.Problem{{Result: "digest", Kind: frame.NotUTF8}}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonResultNotUTF8, []string{`result "digest" is not valid UTF-8`}, nil},
		"Symlink": {"what is no plain file is named", collect.Set{Steps: good, Problems: []frame.Problem{{Result: "digest", Kind: frame.NotRegular, Detail: "symbolic link"}}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonResultUnreadable, []string{`result "digest" cannot be read (NotRegular): symbolic link`}, nil},
		"WrongType": {"an array that is none fails the run by name", collect.Set{Steps: good, Results: []frame.Result{value("images", "array", `"a"`)}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonValidationFailed, []string{`"images"`}, nil},
		"StepBeforeProblem": {"a user hears first that a step failed, then the rest", collect.Set{Steps: bad, Problems: []frame.Problem{{Result: "digest", Kind: frame.NotUTF8}}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonFailed, []string{`"step-one" exited with code 3`, `result "digest" is not valid UTF-8`}, nil},
		"Lost": {"exit 137 without a record (#10371) is an outcome at once", collect.Set{Steps: []frame.Step{step("step-one", 137, frame.ReasonLost)}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonFailed, []string{`"step-one" exited with code 137 (Lost)`}, nil},
		"OOM": {"memory is said to be the cause where the kubelet says so", collect.Set{Steps: []frame.Step{step("step-one", 137, frame.ReasonLost)}}, oom,
			metav1.ConditionFalse, v1.TaskRunReasonStepOOM, []string{"memory"}, nil},
		"SkippedForNothing": {"a step that was skipped as after a failure, without one, is no success", collect.Set{Steps: []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 1, frame.ReasonSkipped)}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonFailed, []string{`"step-two" was skipped`}, nil},
		"SkippedByGuard": {"a step that its guard skipped is fine", collect.Set{Steps: []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 0, frame.ReasonSkipped)}}, nil,
			metav1.ConditionTrue, v1.TaskRunReasonSucceeded, nil, nil},
		"Forged": {"a step that forged the record of its end is named, and no result is kept", collect.Set{Results: []frame.Result{value("digest", "string", "evil")},
			Steps: []frame.Step{step("step-one", 1, frame.ReasonForged), step("step-two", 0, frame.ReasonCompleted)}, Problems: []frame.Problem{{Result: "images", Kind: frame.Withheld}}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonFailed, []string{`"step-one" exited with code 1 (Forged)`, `result "images" is not kept`}, nil},
		"NeverStarted": {"a container that was never started has completed nothing, whatever its record says", collect.Set{Steps: good}, unstarted,
			metav1.ConditionFalse, v1.TaskRunReasonFailed, []string{`container "step-two" could not be started: no shim (StartError)`}, nil},
		"NoRecord": {"a step that nothing is known of may have failed", collect.Set{Steps: good[:1]}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonResultsUnavailable, []string{`no record of container "step-two"`}, nil},
		"Missing": {"a result that a step left and another deleted is named", collect.Set{Steps: good, Problems: []frame.Problem{{Result: "digest", Kind: frame.Missing}}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonResultUnreadable, []string{`result "digest" was left by a step`}, nil},
		"Interrupted": {"a step that was never seen to end is no success", collect.Set{Interrupted: true, Steps: []frame.Step{step("step-one", -1, frame.ReasonUnfinished)}}, nil,
			metav1.ConditionFalse, v1.TaskRunReasonFailed, []string{"Unfinished"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := outcomeOf(taskRun(started), Collected, observation(withPod(tc.pod), withEvidence(collect.Progress{Set: &tc.set})))
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
		want    string
		message string
	}{
		"Refused":         {"the command that grants the permission is part of the message", Refused, observation(func(o *Observation) { o.Refusal = refusal }), v1.TaskRunReasonResultsLogAccessDenied, refusal.Message},
		"Unpullable":      {"container and image are named", Unpullable, observation(withPod(runPod(corev1.PodPending, waiting("ImagePullBackOff")))), v1.TaskRunReasonImagePullFailed, `container "step-one": image "busybox:1"`},
		"Evicted":         {"the kubelet's words", PodFailed, observation(withPod(evicted)), v1.TaskRunReasonPodEvicted, "low on memory"},
		"Deleted":         {"the pod is named", PodLost, observation(), v1.TaskRunReasonPodDeleted, `"build-pod"`},
		"TimedOut":        {"the timeout and how to change it", TimedOut, observation(), v1.TaskRunReasonTimedOut, "1h0m0s"},
		"Unavailable":     {"what was tried", Uncollectable, observation(withPod(ended), gaveUp(frame.ErrGap)), v1.TaskRunReasonResultsUnavailable, frame.ErrGap.Error()},
		"Forbidden":       {"a permission that was taken away while running", Uncollectable, observation(withPod(ended), gaveUp(fmt.Errorf("tried: %w", refusal))), v1.TaskRunReasonResultsLogAccessDenied, refusal.Message},
		"CarrierEnded":    {"steps that still run have not ended", Uncollectable, observation(withPod(runPod(corev1.PodRunning, running(), running(), terminated(137, ""))), gaveUp(frame.ErrIncomplete)), v1.TaskRunReasonResultsUnavailable, "has ended before the steps"},
		"Unstarted":       {"why there is no log at all", Uncollectable, observation(withPod(unstarted), gaveUp(frame.ErrIncomplete)), v1.TaskRunReasonResultsUnavailable, `could not be started: no shim`},
		"UnavailableStep": {"a step that failed is said first", Uncollectable, observation(withPod(failedStep), gaveUp(frame.ErrGap)), v1.TaskRunReasonFailed, `container "step-one" exited with code 2`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := outcomeOf(taskRun(started), tc.state, tc.obs)
			if got.Condition.Status != metav1.ConditionFalse || got.Condition.Reason != tc.want || !strings.Contains(got.Condition.Message, tc.message) {
				t.Errorf("%s: want %s with %q, got %+v", tc.reason, tc.want, tc.message, got.Condition)
			}
		})
	}
}

// TestObjectLimit: peers let etcd refuse the object for ever (#6076). Markup grows up to six times in JSON.
func TestObjectLimit(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		count  int
		fits   bool
	}{
		"Text":    {"1.4 MB of text fit", strings.Repeat("x", 1_400_000), 1, true},
		"TooMuch": {"1.6 MB of text do not", strings.Repeat("x", 1_600_000), 1, false},
		"Markup":  {"300 kB of nothing but angle brackets take six times as much", strings.Repeat("<", 300_000), 1, false},
		"Sum":     {"each is small, all are too much", strings.Repeat("x", 500_000), 4, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status := v1.TaskRunStatus{}
			status.SetCondition(v1.Succeeded("ok"), metav1.NewTime(epoch()))
			for i := range tc.count {
				status.Results = append(status.Results, v1.TaskRunResult{Name: "r" + string(rune('0'+i)), Type: v1.TypeString, Value: v1.StringValue(tc.text)})
			}
			got, _ := runKind().Fit(taskRun(), status, metav1.NewTime(epoch()))
			c := got.Condition()
			if tc.fits && (c.Status != metav1.ConditionTrue || len(got.Results) != tc.count) {
				t.Errorf("%s: got %+v with %d results", tc.reason, c, len(got.Results))
			}
			if !tc.fits && (c.Reason != v1.TaskRunReasonResultTooLarge || len(got.Results) != 0 || !strings.Contains(c.Message, `"r0" with`) || !strings.Contains(c.Message, "1556480")) {
				t.Errorf("%s: want the limit and the largest results named, got %+v with %d results", tc.reason, c, len(got.Results))
			}
		})
	}
}
