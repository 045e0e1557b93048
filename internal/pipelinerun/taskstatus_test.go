package pipelinerun

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestStatusOfAllTasks: $(tasks.status) says how the tasks ended, and tasks of finally do not count. A failure that onError: continue
// ignores is one: it was Succeeded before, so that a task of finally that reports failures did not run.
func TestStatusOfAllTasks(t *testing.T) {
	cases := map[string]struct {
		reason string
		phases []Phase
		final  Phase
		want   string
	}{
		"Succeeded":        {reason: "All tasks succeeded.", phases: []Phase{Succeeded, Succeeded}, want: v1.TaskStatusSucceeded},
		"Skipped":          {reason: "One was skipped.", phases: []Phase{Succeeded, Skipped}, want: v1.TaskStatusCompleted},
		"Failed":           {reason: "One failed.", phases: []Phase{Succeeded, Failed}, want: v1.TaskStatusFailed},
		"Ignored":          {reason: "One failed, which does not end the run.", phases: []Phase{Ignored, Succeeded}, want: v1.TaskStatusFailed},
		"IgnoredAndSkip":   {reason: "A failure has precedence.", phases: []Phase{Skipped, Ignored}, want: v1.TaskStatusFailed},
		"IgnoredAndCancel": {reason: "Also over a cancellation.", phases: []Phase{Cancelled, Ignored}, want: v1.TaskStatusFailed},
		"Cancelled":        {reason: "One was cancelled.", phases: []Phase{Succeeded, Cancelled}, want: v1.TaskStatusNone},
		"Running":          {reason: "One has not ended.", phases: []Phase{Succeeded, Running}, want: v1.TaskStatusNone},
		"Final":            {reason: "A task of finally failed.", phases: []Phase{Succeeded}, final: Failed, want: v1.TaskStatusSucceeded},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tasks := []TaskState{{Task: &v1.PipelineTask{Name: "last"}, Final: true, Phase: tc.final}}
			for i, phase := range tc.phases {
				tasks = append(tasks, TaskState{Task: &v1.PipelineTask{Name: string(rune('a' + i))}, Phase: phase})
			}
			if diff := cmp.Diff(tc.want, taskStatuses(tasks)["tasks.status"]); diff != "" {
				t.Errorf("%s -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
