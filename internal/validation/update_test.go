package validation

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
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
			old := decode[v1.TaskRun](t, "spec: "+before)
			old.Status.StartTime, old.Status.Conditions = tc.phase()
			got := messages(TaskRunUpdate(decode[v1.TaskRun](t, "spec: "+tc.after), old))
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
			old := decode[v1.PipelineRun](t, "spec: "+before)
			old.Status.StartTime, old.Status.Conditions = tc.phase()
			got := messages(PipelineRunUpdate(decode[v1.PipelineRun](t, "spec: "+tc.after), old))
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
	return &metav1.Time{}, []metav1.Condition{v1.Running(v1.TaskRunReasonRunning, "")}
}

func atTheEnd() (*metav1.Time, []metav1.Condition) {
	return &metav1.Time{}, []metav1.Condition{v1.Succeeded("")}
}

// A mutating webhook fills in defaults on every write; a run that has ended would then be refused for it by the rule that
// its spec is a record.
func TestEndedRunsGetNoDefaults(t *testing.T) {
	tr := decode[v1.TaskRun](t, "spec: {taskRef: {name: t}}")
	tr.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
	DefaultTaskRun(tr)
	if tr.Spec.TaskRef.Kind != "" {
		t.Errorf("the kind was set to %q", tr.Spec.TaskRef.Kind)
	}
	pr := decode[v1.PipelineRun](t, "spec: {pipelineSpec: {params: [{name: p}]}}")
	pr.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
	DefaultPipelineRun(pr)
	if got := pr.Spec.PipelineSpec.Params[0].Type; got != "" {
		t.Errorf("the type was set to %q", got)
	}
}

// TestSpecIsClosedBetweenAttempts: a run whose attempt has failed has neither a start time nor a pod until the next one
// begins. All attempts must run the same spec.
func TestSpecIsClosedBetweenAttempts(t *testing.T) {
	spec := "spec: {taskRef: {name: t}, retries: 3, params: [{name: target, value: %s}]}"
	cases := map[string]struct {
		reason string
		status v1.TaskRunStatus
		open   bool
	}{
		"New":             {"Nothing has acted on it.", v1.TaskRunStatus{}, true},
		"BetweenAttempts": {"The status that a retry leaves.", v1.TaskRunStatus{RetriesStatus: []v1.TaskRunAttempt{{PodName: "a-pod"}}, Conditions: []metav1.Condition{v1.Running(v1.TaskRunReasonToBeRetried, "")}}, false},
		"OnlyAttempts":    {"Without its condition.", v1.TaskRunStatus{RetriesStatus: []v1.TaskRunAttempt{{}}}, false},
		"OnlyCondition":   {"Without its attempts.", v1.TaskRunStatus{Conditions: []metav1.Condition{v1.Running(v1.TaskRunReasonToBeRetried, "")}}, false},
		"OnlyPod":         {"The pod proves it.", v1.TaskRunStatus{PodName: "a-pod"}, false},
		"OnlyTask":        {"The task was recorded.", v1.TaskRunStatus{TaskSpec: &v1.TaskSpec{}}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			old := decode[v1.TaskRun](t, fmt.Sprintf(spec, "staging"))
			old.Status = tc.status
			var want []string
			if !tc.open {
				want = []string{"spec: Forbidden: " + runStarted}
			}
			if diff := cmp.Diff(want, messages(TaskRunUpdate(decode[v1.TaskRun](t, fmt.Sprintf(spec, "production")), old))); diff != "" {
				t.Errorf("\n%s\n-want, +got:\n%s", tc.reason, diff)
			}
			if errs := TaskRunUpdate(decode[v1.TaskRun](t, fmt.Sprintf(spec, "staging")+"\n"), old); len(errs) > 0 {
				t.Errorf("no change is no error, got %v", errs)
			}
		})
	}
}
