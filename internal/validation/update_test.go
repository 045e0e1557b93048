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
		"Defaults": {
			reason: "Defaults can be added at any time.",
			after:  `{taskRef: {name: t, kind: Task}, params: [{name: p, value: a}]}`,
			phase:  atTheEnd,
		},
		"New": {
			reason: "A run that nobody has acted on can be changed.",
			after:  `{taskRef: {name: u}}`,
			phase:  atFirst,
		},
		"Cancel": {
			reason: "A run that goes on can be cancelled, with a word why.",
			after:  `{taskRef: {name: t}, params: [{name: p, value: a}], status: TaskRunCancelled, statusMessage: m}`,
			phase:  goingOn,
		},
		"Hold": {
			reason: "A run that has not started can be held.",
			after:  `{taskRef: {name: t}, params: [{name: p, value: a}], status: TaskRunPending}`,
			phase:  atFirst,
		},
		"HoldStarted": {
			reason: "One that has started cannot.",
			after:  `{taskRef: {name: t}, params: [{name: p, value: a}], status: TaskRunPending}`,
			phase:  goingOn,
			want:   []string{`spec.status: Invalid value: "TaskRunPending": ` + runBegun},
		},
		"Params": {
			reason: "What runs already cannot be given other params.",
			after:  `{taskRef: {name: t}, params: [{name: p, value: b}]}`,
			phase:  goingOn,
			want:   []string{"spec: Forbidden: " + runStarted},
		},
		"CancelAndMap": {
			reason: "Cancelling does not open the rest.",
			after:  `{taskRef: {name: t}, status: TaskRunCancelled}`,
			phase:  goingOn,
			want:   []string{"spec: Forbidden: " + runStarted},
		},
		"Ended": {
			reason: "The spec of a run that has ended is a record.",
			after:  `{taskRef: {name: t}, params: [{name: p, value: a}], status: TaskRunCancelled}`,
			phase:  atTheEnd,
			want:   []string{"spec: Forbidden: " + runEnded},
		},
		"ManagedBy": {
			reason: "Two controllers must not take turns.",
			after:  `{taskRef: {name: t}, params: [{name: p, value: a}], managedBy: example.com/x}`,
			phase:  atFirst,
			want:   []string{"spec.managedBy: Forbidden: cannot be changed"},
		},
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
		"New": {
			reason: "A run that nobody has acted on can be changed, and held.",
			after:  `{pipelineRef: {name: q}, status: PipelineRunPending}`,
			phase:  atFirst,
		},
		"Cancel": {
			reason: "A run that goes on can be ended in three ways.",
			after:  `{pipelineRef: {name: p}, timeouts: {pipeline: 60m}, status: StoppedRunFinally}`,
			phase:  goingOn,
		},
		"Pending": {
			reason: "It cannot be held any more.",
			after:  `{pipelineRef: {name: p}, timeouts: {pipeline: 1h}, status: PipelineRunPending}`,
			phase:  goingOn,
			want: []string{
				`spec.status: Invalid value: "PipelineRunPending": the run has started and cannot be held any more; cancel it, or let it end`,
			},
		},
		"Timeout": {
			reason: "Nothing else can be changed.",
			after:  `{pipelineRef: {name: p}, timeouts: {pipeline: 2h}}`,
			phase:  goingOn,
			want:   []string{"spec: Forbidden: " + runStarted},
		},
		"Ended": {
			reason: "The spec of a run that has ended is a record.",
			after:  `{pipelineRef: {name: p}, timeouts: {pipeline: 1h}, status: Cancelled}`,
			phase:  atTheEnd,
			want:   []string{"spec: Forbidden: " + runEnded},
		},
		"Managed": {
			reason: "Two controllers must not take turns.",
			after:  `{pipelineRef: {name: p}, timeouts: {pipeline: 1h}, managedBy: example.com/x}`,
			phase:  atFirst,
			want:   []string{"spec.managedBy: Forbidden: cannot be changed"},
		},
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
		"New": {
			reason: "Nothing has acted on it.",
			open:   true,
		},
		"BetweenAttempts": {
			reason: "The status that a retry leaves.",
			status: v1.TaskRunStatus{
				RetriesStatus: []v1.TaskRunAttempt{{PodName: "a-pod"}},
				Conditions:    []metav1.Condition{v1.Running(v1.TaskRunReasonToBeRetried, "")},
			},
		},
		"OnlyAttempts": {
			reason: "Without its condition.",
			status: v1.TaskRunStatus{RetriesStatus: []v1.TaskRunAttempt{{}}},
		},
		"OnlyCondition": {
			reason: "Without its attempts.",
			status: v1.TaskRunStatus{Conditions: []metav1.Condition{v1.Running(v1.TaskRunReasonToBeRetried, "")}},
		},
		"OnlyPod": {
			reason: "The pod proves it.",
			status: v1.TaskRunStatus{PodName: "a-pod"},
		},
		"OnlyTask": {
			reason: "The task was recorded.",
			status: v1.TaskRunStatus{TaskSpec: &v1.TaskSpec{}},
		},
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
