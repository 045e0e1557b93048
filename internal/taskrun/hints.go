package taskrun

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/internal/variables"
)

// withHints adds to the message of a run with a failed step the admission warnings about that step: text that looks like a
// variable and is none may be why it failed.
func withHints(tr *v1.TaskRun, outcome *Outcome, obs Observation) *Outcome {
	end := outcome.Condition
	if end.Status != metav1.ConditionFalse || end.Reason != v1.TaskRunReasonFailed {
		return outcome
	}
	step := failedStepIndex(obs.Task.Spec, obs.Evidence.Set.Steps)
	if step < 0 {
		return outcome
	}
	if hints := stepHints(tr, obs.Task.Spec, step); hints != "" {
		outcome.Condition.Message += "; " + hints
	}
	return outcome
}

// failedStepIndex returns the index of the first step that failed, not only followed a failure; negative if there is none.
func failedStepIndex(spec *v1.TaskSpec, records []frame.Step) int {
	i := slices.IndexFunc(records, func(s frame.Step) bool { return !continuesAfter(s) && s.Reason != frame.ReasonSkipped })
	if i < 0 {
		return -1
	}
	return slices.Index(podpaths.StepContainers(spec), records[i].Name)
}

// stepHints returns the warnings about one step of a task in a run. Params of the run count as declared, and so does what a
// pipeline gives for its variables.
func stepHints(tr *v1.TaskRun, spec *v1.TaskSpec, step int) string {
	const root = "spec.taskSpec."
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: spec, Params: tr.Spec.Params, Workspaces: tr.Spec.Workspaces}}
	given := make(map[string]bool, len(tr.Spec.Params))
	for i := range tr.Spec.Params {
		given[tr.Spec.Params[i].Name] = true
	}
	found := validation.Check(func(r *validation.Report) { validation.ReportTaskRun(r, run) })
	warnings := slices.DeleteFunc(found.Warnings, func(w validation.Warning) bool {
		r, ok := variables.Sole(w.Value)
		return ok && given[r.Handed()]
	})
	return validation.Hints(warnings, root, fmt.Sprintf("%ssteps[%d].", root, step))
}
