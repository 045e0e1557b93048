package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// TestCausesWithinPipelines: the explanation of a run goes down to the TaskRun that failed, through the pipelines in it. A CustomRun
// says only what its controller has written.
func TestCausesWithinPipelines(t *testing.T) {
	pr := func(name string) runs.Run {
		run := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}}
		run.Status.Conditions = []metav1.Condition{v1.Failed(v1.PipelineRunReasonFailed, "a task failed")}
		return runs.OfPipeline(run)
	}
	leaf := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "run-mid-leaf", Labels: map[string]string{v1.LabelPipelineTask: "leaf"},
	}}
	leaf.Status.Conditions = []metav1.Condition{v1.Failed(v1.TaskRunReasonFailed, "exited with code 1")}
	inner := runs.Snapshot{Run: pr("run-mid"), Tasks: []*v1.TaskRun{leaf}}
	refused := v1.Failed("Refused", "not today")
	s := runs.Snapshot{Run: pr("run"), Others: []runs.Child{
		{Kind: v1.KindPipelineRun, Name: "run-mid", Task: "mid", Condition: inner.Run.Condition(), Within: &inner},
		{Kind: v1beta1.KindCustomRun, Name: "run-approve", Task: "approve", Condition: &refused},
	}}
	type cause struct{ Run, Task, Message string }
	var got []cause
	var visit func(e Explanation)
	visit = func(e Explanation) {
		got = append(got, cause{e.Run, e.Task, e.Message})
		for _, of := range e.Causes {
			visit(of)
		}
	}
	visit(Explain(s, func(r runs.Run) string { return r.Name() }))
	want := []cause{
		{"pipelinerun/run", "", "a task failed"},
		{"pipelinerun/run-mid", "mid", "a task failed"},
		{"taskrun/run-mid-leaf", "leaf", "exited with code 1"},
		{"customrun/run-approve", "approve", "not today"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("explanations: -want, +got:\n%s", diff)
	}
}
