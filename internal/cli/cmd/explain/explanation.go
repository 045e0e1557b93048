package explain

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// Explanation is the cause of the state of a run, and what to do.
type Explanation struct {
	// Run as a user types it.
	Run string `json:"run"`
	// Task is the pipeline task of the run, if any.
	Task   string     `json:"task,omitempty"`
	State  runs.State `json:"state"`
	Reason string     `json:"reason,omitempty"`
	// Message of the condition of the run.
	Message string `json:"message,omitempty"`
	// Means is the meaning of the reason; empty for an unknown reason.
	Means string `json:"means,omitempty"`
	// Step that failed, if any.
	Step string `json:"step,omitempty"`
	// ExitCode of that step.
	ExitCode int32 `json:"exitCode,omitempty"`
	// Log has the last lines of that step, if they are available.
	Log []string `json:"log,omitempty"`
	// Skipped has the tasks that could not start, with the reason, if that made the run fail.
	Skipped []string `json:"skipped,omitempty"`
	// Fix is what to do, the most likely first.
	Fix []string `json:"fix,omitempty"`
	// Causes are the TaskRuns and other children that failed.
	Causes []Explanation `json:"causes,omitempty"`
}

// Explain explains a run without reading logs. typed returns how a user types a run in the suggested commands.
func Explain(s runs.Snapshot, typed func(runs.Run) string) Explanation {
	if s.Run.TaskRun != nil {
		return explainTask(s.Run.TaskRun, "", typed)
	}
	pr := s.Run.PipelineRun
	e := newExplanation(s.Run, typed)
	for _, tr := range s.Failed() {
		e.Causes = append(e.Causes, explainTask(tr, s.Task(tr), typed))
	}
	for _, child := range s.Others {
		if child.State() == runs.Failed {
			e.Causes = append(e.Causes, explainChild(child, pr.Namespace, typed))
		}
	}
	for _, skipped := range pr.Status.SkippedTasks {
		if blocking(skipped.Reason) {
			e.Skipped = append(e.Skipped, fmt.Sprintf("%s: %s", skipped.Name, skipped.Reason))
		}
	}
	if len(e.Causes) > 0 && e.Reason == v1.PipelineRunReasonFailed {
		e.Fix = nil // the causes have better advice
	}
	return e
}

// blocking reports whether a task was skipped for a reason that can make its run fail.
func blocking(reason string) bool {
	return slices.Contains([]string{
		v1.SkipReasonMissingResults, v1.SkipReasonUnusableResults, v1.SkipReasonTooLargeResults, v1.SkipReasonInvalid,
		v1.SkipReasonRefused, v1.SkipReasonClaimRefused,
	}, reason)
}

func explainTask(tr *v1.TaskRun, task string, typed func(runs.Run) string) Explanation {
	e := newExplanation(runs.OfTask(tr), typed)
	e.Task = task
	return e
}

// explainChild explains a failed child that is no TaskRun. A PipelineRun is explained as any other. Another controller has ended a
// CustomRun, so only its message says why.
func explainChild(child runs.Child, namespace string, typed func(runs.Run) string) Explanation {
	if child.Within != nil {
		e := Explain(*child.Within, typed)
		e.Task = child.Task
		return e
	}
	return Explanation{
		Run: runs.FullName{Kind: child.Kind, Name: child.Name}.String(), Task: child.Task, State: child.State(),
		Reason: child.Condition.Reason, Message: child.Condition.Message,
		Means: "The controller of the custom task has ended it.",
		Fix:   []string{fmt.Sprintf("kubectl describe customrun %s -n %s shows all details", child.Name, namespace)},
	}
}

// FailedStep returns the first step of a TaskRun that made it fail; nil if there is none.
func FailedStep(tr *v1.TaskRun) *v1.StepState {
	for i := range tr.Status.Steps {
		step := &tr.Status.Steps[i]
		if t := step.Terminated; t != nil && t.ExitCode != 0 && step.TerminationReason != "Continued" && step.TerminationReason != "Skipped" {
			return step
		}
	}
	return nil
}

func newExplanation(r runs.Run, typed func(runs.Run) string) Explanation {
	e := Explanation{Run: r.FullName().String(), State: r.State(), Reason: r.Reason(), Message: r.Message()}
	pod := "POD"
	if r.TaskRun != nil {
		if r.TaskRun.Status.PodName != "" {
			pod = r.TaskRun.Status.PodName
		}
		if step := FailedStep(r.TaskRun); step != nil && e.State == runs.Failed {
			e.Step, e.ExitCode = step.Name, step.Terminated.ExitCode
		}
	}
	if r.Condition() == nil {
		e.Means = "No controller has accepted the run: there may be none, or it is busy."
		e.Fix = []string{"find the problem: sluice doctor"}
		return e
	}
	advice, ok := Of(r.Kind(), e.Reason)
	if !ok {
		e.Fix = []string{"sluice describe " + typed(r) + " shows all details"}
		return e
	}
	e.Means = advice.Means
	fill := strings.NewReplacer("{run}", typed(r), "{name}", r.Name(), "{namespace}", r.Namespace(), "{pod}", pod, "{step}", e.Step)
	for _, fix := range advice.Fix {
		e.Fix = append(e.Fix, fill.Replace(fix))
	}
	return e
}
