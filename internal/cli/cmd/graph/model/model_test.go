package model_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

func uses(result ...string) []v1.Param {
	var params []v1.Param
	for _, r := range result {
		params = append(params, v1.Param{Name: "p", Value: v1.StringValue("$(tasks." + r + ")")})
	}
	return params
}

func pipeline() *v1.PipelineSpec {
	return &v1.PipelineSpec{
		Tasks: []v1.PipelineTask{
			{Name: "a", TaskRef: &v1.TaskRef{Name: "make"}},
			{Name: "b", Params: uses("a.results.x", "a.results.y", "a.results.x"), RunAfter: []string{"a"}},
			{Name: "c", RunAfter: []string{"a"}, Matrix: &v1.Matrix{}},
		},
		Finally: []v1.PipelineTask{{Name: "f", Params: uses("b.results.z")}},
	}
}

func TestOfPipeline(t *testing.T) {
	want := model.Graph{
		Title: "Pipeline/p",
		Nodes: []model.Node{{Name: "a", Note: "make"}, {Name: "b"}, {Name: "c", Note: "matrix"}, {Name: "f", Finally: true}},
		Edges: []model.Edge{
			{From: 0, To: 1, Results: []model.Result{{Name: "x", Size: -1}, {Name: "y", Size: -1}}},
			{From: 0, To: 2},
			{From: 1, To: 3, Results: []model.Result{{Name: "z", Size: -1}}},
			{From: 2, To: 3, After: true},
		},
	}
	if diff := cmp.Diff(want, model.OfPipeline("Pipeline/p", pipeline())); diff != "" {
		t.Error(diff)
	}
}

// TestNotesOfNestedPipelines: a task that is a pipeline says so.
func TestNotesOfNestedPipelines(t *testing.T) {
	g := model.OfPipeline("Pipeline/p", &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		{Name: "a", PipelineRef: &v1.PipelineRef{Name: "other"}},
		{Name: "b", PipelineRef: &v1.PipelineRef{ResolverRef: v1.ResolverRef{Resolver: "git"}}},
		{Name: "c", PipelineSpec: &runtime.RawExtension{}},
	}})
	want := []model.Node{{Name: "a", Note: "Pipeline other"}, {Name: "b", Note: "Pipeline by git"}, {Name: "c", Note: "Pipeline"}}
	if diff := cmp.Diff(want, g.Nodes); diff != "" {
		t.Error(diff)
	}
}

func condition(status metav1.ConditionStatus, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: v1.ConditionSucceeded, Status: status, Reason: reason}}
}

func child(name, task string, status v1.TaskRunStatus) *v1.TaskRun {
	return &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelPipelineTask: task}}, Status: status}
}

func TestOfRun(t *testing.T) {
	start := metav1.NewTime(time.Unix(1000, 0))
	end := metav1.NewTime(time.Unix(1012, 0))
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Status: v1.PipelineRunStatus{
		PipelineSpec: pipeline(), Conditions: condition(metav1.ConditionUnknown, v1.PipelineRunReasonRunning),
		SkippedTasks: []v1.SkippedTask{{Name: "b", Reason: "When Expressions evaluated to false"}},
	}}
	s := runs.Snapshot{Run: runs.OfPipeline(pr), Tasks: []*v1.TaskRun{
		child("r-a", "a", v1.TaskRunStatus{
			Conditions: condition(metav1.ConditionTrue, v1.TaskRunReasonSucceeded), StartTime: &start, CompletionTime: &end,
			Results: []v1.TaskRunResult{{Name: "x", Value: v1.StringValue("abc")}},
		}),
		child("r-c-0", "c", v1.TaskRunStatus{Conditions: condition(metav1.ConditionTrue, v1.TaskRunReasonSucceeded)}),
		child("r-c-1", "c", v1.TaskRunStatus{Conditions: condition(metav1.ConditionFalse, v1.TaskRunReasonFailed)}),
	}}
	got, err := model.OfRun(s, time.Unix(2000, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := []model.Node{
		{Name: "a", State: runs.Succeeded, Note: "12s"},
		{Name: "b", State: runs.Skipped, Note: "When Expressions evaluated to false"},
		{Name: "c", State: runs.Failed, Runs: 2},
		{Name: "f", State: runs.Waiting, Finally: true},
	}
	if diff := cmp.Diff(want, got.Nodes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]model.Result{{Name: "x", Size: 3}, {Name: "y", Size: -1}}, got.Edges[0].Results); diff != "" {
		t.Errorf("only what was produced has a size\n%s", diff)
	}
	pr.Status.Conditions = condition(metav1.ConditionFalse, v1.PipelineRunReasonFailed)
	if got, err = model.OfRun(s, time.Unix(2000, 0)); err != nil || got.Nodes[3].State != runs.Skipped {
		t.Errorf("what has not run when all is over will not run: %+v, %v", got.Nodes[3], err)
	}
}

func TestOfTaskRun(t *testing.T) {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "r"}}
	s := runs.Snapshot{Run: runs.OfTask(tr), Tasks: []*v1.TaskRun{tr}}
	if _, err := model.OfRun(s, time.Now()); err == nil {
		t.Error("a run without a task cannot be drawn")
	}
	tr.Status.TaskSpec = &v1.TaskSpec{Steps: []v1.Step{{Name: "one", Image: "i"}, {Image: "i"}}}
	tr.Status.Steps = []v1.StepState{{
		Name:           "one",
		ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3}},
	}}
	got, err := model.OfRun(s, time.Now())
	want := []model.Node{{Name: "one", State: runs.Failed, Note: "exit code 3"}, {Name: "unnamed-1", State: runs.Waiting}}
	if diff := cmp.Diff(want, got.Nodes); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}
