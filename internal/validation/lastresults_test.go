package validation

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestKeepLastResults: of two results with one name the last one counts, for tasks, steps and pipelines. A list that is shared,
// such as that of a StepAction in the cache, is not changed.
func TestKeepLastResults(t *testing.T) {
	action := []v1.StepResult{{Name: "r"}, {Name: "s"}, {Name: "r", Type: v1.TypeArray}}
	task := &v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "r"}, {Name: "r", Type: v1.TypeArray}, {Name: "s"}},
		Steps:   []v1.Step{{Results: action}, {}},
	}
	KeepLastResults(task)
	pipeline := &v1.PipelineSpec{Results: []v1.PipelineResult{{Name: "r", Description: "first"}, {Name: "r", Description: "last"}}}
	KeepLastPipelineResults(pipeline)
	want := []any{
		[]v1.TaskResult{{Name: "r", Type: v1.TypeArray}, {Name: "s"}},
		[]v1.StepResult{{Name: "s"}, {Name: "r", Type: v1.TypeArray}},
		[]v1.PipelineResult{{Name: "r", Description: "last"}},
	}
	if diff := cmp.Diff(want, []any{task.Results, task.Steps[0].Results, pipeline.Results}); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if len(action) != 3 || action[0].Type != "" {
		t.Errorf("the shared list was changed: %+v", action)
	}
}
