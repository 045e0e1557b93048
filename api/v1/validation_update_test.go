package v1

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTaskRunValidateUpdate(t *testing.T) {
	const before = `{taskRef: {name: t}, params: [{name: p, value: a}]}`
	cases := map[string]struct {
		reason, after string
		phase         phase
		want          []string
	}{
		"Defaults":     {"Defaults can be added at any time.", `{taskRef: {name: t, kind: Task}, params: [{name: p, value: a}]}`, atTheEnd, nil},
		"New":          {"A run that nobody has acted on can be changed.", `{taskRef: {name: u}}`, atFirst, nil},
		"Cancel":       {"A run that goes on can be cancelled, with a word why.", `{taskRef: {name: t}, params: [{name: p, value: a}], status: TaskRunCancelled, statusMessage: m}`, goingOn, nil},
		"Params":       {"What runs already cannot be given other params.", `{taskRef: {name: t}, params: [{name: p, value: b}]}`, goingOn, []string{"spec: Forbidden: " + runStarted}},
		"CancelAndMap": {"Cancelling does not open the rest.", `{taskRef: {name: t}, status: TaskRunCancelled}`, goingOn, []string{"spec: Forbidden: " + runStarted}},
		"Ended":        {"The spec of a run that has ended is a record.", `{taskRef: {name: t}, params: [{name: p, value: a}], status: TaskRunCancelled}`, atTheEnd, []string{"spec: Forbidden: " + runEnded}},
		"ManagedBy":    {"Two controllers must not take turns.", `{taskRef: {name: t}, params: [{name: p, value: a}], managedBy: example.com/x}`, atFirst, []string{"spec.managedBy: Forbidden: cannot be changed"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			old := decode[TaskRun](t, "spec: "+before)
			old.Status.StartTime, old.Status.Conditions = tc.phase()
			got := messages(decode[TaskRun](t, "spec: "+tc.after).ValidateUpdate(old))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPipelineRunValidateUpdate(t *testing.T) {
	const before = `{pipelineRef: {name: p}, timeouts: {pipeline: 1h}}`
	cases := map[string]struct {
		reason, after string
		phase         phase
		want          []string
	}{
		"New":     {"A run that nobody has acted on can be changed, and held.", `{pipelineRef: {name: q}, status: PipelineRunPending}`, atFirst, nil},
		"Cancel":  {"A run that goes on can be ended in three ways.", `{pipelineRef: {name: p}, timeouts: {pipeline: 60m}, status: StoppedRunFinally}`, goingOn, nil},
		"Pending": {"It cannot be held any more.", `{pipelineRef: {name: p}, timeouts: {pipeline: 1h}, status: PipelineRunPending}`, goingOn, []string{`spec.status: Invalid value: "PipelineRunPending": the run has started and cannot be held any more; cancel it, or let it end`}},
		"Timeout": {"Nothing else can be changed.", `{pipelineRef: {name: p}, timeouts: {pipeline: 2h}}`, goingOn, []string{"spec: Forbidden: " + runStarted}},
		"Ended":   {"The spec of a run that has ended is a record.", `{pipelineRef: {name: p}, timeouts: {pipeline: 1h}, status: Cancelled}`, atTheEnd, []string{"spec: Forbidden: " + runEnded}},
		"Managed": {"Two controllers must not take turns.", `{pipelineRef: {name: p}, timeouts: {pipeline: 1h}, managedBy: example.com/x}`, atFirst, []string{"spec.managedBy: Forbidden: cannot be changed"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			old := decode[PipelineRun](t, "spec: "+before)
			old.Status.StartTime, old.Status.Conditions = tc.phase()
			got := messages(decode[PipelineRun](t, "spec: "+tc.after).ValidateUpdate(old))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// phase is how far a run has come.
type phase func() (*metav1.Time, []metav1.Condition)

func atFirst() (*metav1.Time, []metav1.Condition) { return nil, nil }

func goingOn() (*metav1.Time, []metav1.Condition) {
	return &metav1.Time{}, []metav1.Condition{Running(TaskRunReasonRunning, "")}
}

func atTheEnd() (*metav1.Time, []metav1.Condition) {
	return &metav1.Time{}, []metav1.Condition{Succeeded("")}
}

// A mutating webhook fills in defaults on every write; a run that has ended would then be refused for it by the rule that
// its spec is a record.
func TestEndedRunsGetNoDefaults(t *testing.T) {
	tr := decode[TaskRun](t, "spec: {taskRef: {name: t}}")
	tr.Status.Conditions = []metav1.Condition{Succeeded("")}
	tr.Default()
	if tr.Spec.TaskRef.Kind != "" {
		t.Errorf("the kind was set to %q", tr.Spec.TaskRef.Kind)
	}
	pr := decode[PipelineRun](t, "spec: {pipelineSpec: {params: [{name: p}]}}")
	pr.Status.Conditions = []metav1.Condition{Succeeded("")}
	pr.Default()
	if got := pr.Spec.PipelineSpec.Params[0].Type; got != "" {
		t.Errorf("the type was set to %q", got)
	}
}

// TestBegunIsProvedByTheWholeStatus: each field of a status proves alone that its run has begun, and closes the spec. A
// field that is added to the API later is a proof, too, unless it is listed here.
func TestBegunIsProvedByTheWholeStatus(t *testing.T) {
	notProofs := map[string]string{
		"ObservedGeneration": "it is written to a run that is held",
		"SpanContext":        "a system that traces runs may write it to a run that nothing has acted on",
	}
	held := Running(PipelineRunReasonPending, "held by spec.status")
	check := func(t *testing.T, status reflect.Value, begun func() bool) {
		t.Helper()
		if begun() {
			t.Error("an empty status proves nothing")
		}
		for i := range status.NumField() {
			name, value := status.Type().Field(i).Name, status.Field(i)
			fill(value, 9)
			if _, no := notProofs[name]; begun() == no {
				t.Errorf("status with %s only: begun is %t", name, !no)
			}
			value.SetZero()
		}
	}
	t.Run("TaskRun", func(t *testing.T) {
		var run TaskRun
		check(t, reflect.ValueOf(&run.Status).Elem(), run.Status.Begun)
	})
	t.Run("PipelineRun", func(t *testing.T) {
		var run PipelineRun
		check(t, reflect.ValueOf(&run.Status).Elem(), run.Status.Begun)
		run.Status.ObservedGeneration, run.Status.Conditions = 1, []metav1.Condition{held}
		if run.Status.Begun() {
			t.Error("a run that spec.status holds has not begun, whatever its condition says")
		}
		run.Status.Conditions = append(run.Status.Conditions, Running(PipelineRunReasonStarted, ""))
		if !run.Status.Begun() {
			t.Error("another condition beside it is a proof")
		}
	})
}

// TestSpecIsClosedBetweenAttempts: a run whose attempt has failed has neither a start time nor a pod until the next one
// begins. All attempts must run the same spec.
func TestSpecIsClosedBetweenAttempts(t *testing.T) {
	spec := "spec: {taskRef: {name: t}, retries: 3, params: [{name: target, value: %s}]}"
	cases := map[string]struct {
		reason string
		status TaskRunStatus
		open   bool
	}{
		"New":             {"Nothing has acted on it.", TaskRunStatus{}, true},
		"BetweenAttempts": {"The status that a retry leaves.", TaskRunStatus{RetriesStatus: []TaskRunAttempt{{PodName: "a-pod"}}, Conditions: []metav1.Condition{Running(TaskRunReasonToBeRetried, "")}}, false},
		"OnlyAttempts":    {"Without its condition.", TaskRunStatus{RetriesStatus: []TaskRunAttempt{{}}}, false},
		"OnlyCondition":   {"Without its attempts.", TaskRunStatus{Conditions: []metav1.Condition{Running(TaskRunReasonToBeRetried, "")}}, false},
		"OnlyPod":         {"The pod proves it.", TaskRunStatus{PodName: "a-pod"}, false},
		"OnlyTask":        {"The task was recorded.", TaskRunStatus{TaskSpec: &TaskSpec{}}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			old := decode[TaskRun](t, fmt.Sprintf(spec, "staging"))
			old.Status = tc.status
			var want []string
			if !tc.open {
				want = []string{"spec: Forbidden: " + runStarted}
			}
			if diff := cmp.Diff(want, messages(decode[TaskRun](t, fmt.Sprintf(spec, "production")).ValidateUpdate(old))); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			if errs := decode[TaskRun](t, fmt.Sprintf(spec, "staging")+"\n").ValidateUpdate(old); len(errs) > 0 {
				t.Errorf("no change is no error, got %v", errs)
			}
		})
	}
}
