package pipelinerun

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
)

// taskHints returns the admission warnings about a task of a pipeline that failed, as the last part of a message. The message of
// its child has those about what is embedded.
func taskHints(pr *v1.PipelineRun, spec *v1.PipelineSpec, task string) string {
	const root = "spec.pipelineSpec."
	prefix := taskField(spec, task)
	if prefix == "" {
		return ""
	}
	run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: spec, Params: pr.Spec.Params, Workspaces: pr.Spec.Workspaces}}
	found := validation.Check(func(r *validation.Report) { validation.ReportPipelineRun(r, run) })
	warnings := slices.DeleteFunc(found.Warnings, func(w validation.Warning) bool {
		return strings.HasPrefix(w.Field, root+prefix+"taskSpec.") || strings.HasPrefix(w.Field, root+prefix+"pipelineSpec.")
	})
	if hints := validation.Hints(warnings, root, root+prefix); hints != "" {
		return "; " + hints
	}
	return ""
}

// taskField returns the beginning of the fields of a task, relative to its pipeline; empty if the pipeline does not have it.
func taskField(spec *v1.PipelineSpec, task string) string {
	named := func(t v1.PipelineTask) bool { return t.Name == task }
	if i := slices.IndexFunc(spec.Tasks, named); i >= 0 {
		return fmt.Sprintf("tasks[%d].", i)
	}
	if i := slices.IndexFunc(spec.Finally, named); i >= 0 {
		return fmt.Sprintf("finally[%d].", i)
	}
	return ""
}
