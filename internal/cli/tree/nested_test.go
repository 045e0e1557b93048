package tree

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// TestTreeOfNestedPipelines: the tasks of a pipeline within a run are below the task that runs it.
func TestTreeOfNestedPipelines(t *testing.T) {
	pr := func(name, task string) *v1.PipelineRun {
		run := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: name}}
		run.Spec.PipelineSpec = &v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: task}}}
		run.Status.Conditions = []metav1.Condition{v1.Running(v1.PipelineRunReasonRunning, "")}
		return run
	}
	leaf := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "run-mid-leaf", Labels: map[string]string{v1.LabelPipelineTask: "leaf"}}}
	leaf.Status.Conditions = []metav1.Condition{v1.Failed(v1.TaskRunReasonFailed, "")}
	inner := runs.Snapshot{Run: runs.OfPipeline(pr("run-mid", "leaf")), Tasks: []*v1.TaskRun{leaf}}
	s := runs.Snapshot{Run: runs.OfPipeline(pr("run", "mid")), Others: []runs.Child{
		{Kind: v1.KindPipelineRun, Name: "run-mid", Task: "mid", Condition: inner.Run.Condition(), Within: &inner},
	}}
	want := Node{Name: "pipelinerun/run", State: runs.Running, Children: []Node{
		{Name: "mid", State: runs.Running, Note: "PipelineRun, Running", Children: []Node{{Name: "leaf", State: runs.Failed}}},
	}}
	if diff := cmp.Diff(want, Of(s, time.Time{})); diff != "" {
		t.Errorf("Of(): -want, +got:\n%s", diff)
	}
}
