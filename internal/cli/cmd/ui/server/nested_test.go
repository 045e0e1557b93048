package server

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// TestTasksWithinPipelines: the page lists the TaskRuns of pipelines within a run under all names that lead to them, and CustomRuns
// without a log.
func TestTasksWithinPipelines(t *testing.T) {
	pr := func(name string) runs.Run {
		return runs.OfPipeline(&v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}})
	}
	leaf := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "run-mid-leaf", Labels: map[string]string{v1.LabelPipelineTask: "leaf"}}}
	leaf.Status.Conditions = []metav1.Condition{v1.Failed(v1.TaskRunReasonFailed, "exited")}
	refused := v1.Failed("Refused", "not today")
	inner := runs.Snapshot{Run: pr("run-mid"), Tasks: []*v1.TaskRun{leaf}, Others: []runs.Child{
		{Kind: v1beta1.KindCustomRun, Name: "run-mid-approve", Task: "approve", Condition: &refused},
	}}
	outer := runs.Snapshot{Run: pr("run"), Others: []runs.Child{
		{Kind: v1.KindPipelineRun, Name: "run-mid", Task: "mid", Within: &inner},
	}}
	s := &Server{Options: Options{Now: func() time.Time { return time.Time{} }}}
	want := []task{
		{Name: "mid › leaf", TaskRun: "run-mid-leaf", State: runs.Failed, Message: "exited", Steps: []step{}},
		{Name: "mid › approve", State: runs.Failed, Message: "not today", Steps: []step{}},
	}
	if diff := cmp.Diff(want, s.detailOf(outer).Tasks); diff != "" {
		t.Errorf("tasks: -want, +got:\n%s", diff)
	}
}
