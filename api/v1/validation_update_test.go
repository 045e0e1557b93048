package v1

import (
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
