package logreader

import (
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// attempt is one pod of a TaskRun.
type attempt struct {
	number int
	pod    string
	steps  []v1.StepState
	// over: the steps of the pod have ended, or will not start.
	over bool
}

// attemptsOf returns the pods of a TaskRun, oldest first.
func attemptsOf(tr *v1.TaskRun) []attempt {
	var all []attempt
	for _, earlier := range tr.Status.RetriesStatus {
		if earlier.PodName != "" {
			all = append(all, attempt{number: len(all) + 1, pod: earlier.PodName, steps: earlier.Steps, over: true})
		}
	}
	name := tr.Status.PodName
	if name != "" && !slices.ContainsFunc(all, func(a attempt) bool { return a.pod == name }) {
		all = append(all, attempt{number: len(all) + 1, pod: name, steps: tr.Status.Steps, over: tr.Status.Done()})
	}
	return all
}

// Selection selects the logs of steps. The zero Selection is all steps.
type Selection struct {
	// Step is the name of a step; empty: all steps.
	Step string
	// Failed selects only steps that have failed.
	Failed bool
}

func (s Selection) wants(step *v1.StepState) bool {
	return (s.Step == "" || step.Name == s.Step) && (!s.Failed || failed(step))
}

// failed reports whether a step has ended with an error.
func failed(step *v1.StepState) bool {
	return step.Terminated != nil && step.Terminated.ExitCode != 0 && step.TerminationReason != "Skipped"
}

// begun reports whether the container of the step has a log.
func begun(step *v1.StepState) bool { return step.Running != nil || step.Terminated != nil }

// container returns the container of a step. A status without its name means the default name.
func container(step *v1.StepState) string {
	if step.Container != "" {
		return step.Container
	}
	return "step-" + step.Name
}
