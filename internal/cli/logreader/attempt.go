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
	// over: the pod's steps have ended, or will not begin any more.
	over bool
}

// attemptsOf are the pods that a TaskRun has had, oldest first.
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

// Selection says which steps' logs are wanted. The zero Selection is all of them.
type Selection struct {
	// Step by its name; empty for all.
	Step string
	// Failed: only steps that have failed.
	Failed bool
}

func (s Selection) wants(step *v1.StepState) bool {
	return (s.Step == "" || step.Name == s.Step) && (!s.Failed || failed(step))
}

// failed reports whether a step has ended otherwise than well.
func failed(step *v1.StepState) bool {
	return step.Terminated != nil && step.Terminated.ExitCode != 0 && step.TerminationReason != "Skipped"
}

// begun reports whether the step's container has a log.
func begun(step *v1.StepState) bool { return step.Running != nil || step.Terminated != nil }

// container of a step; clusters that do not name it have the usual one.
func container(step *v1.StepState) string {
	if step.Container != "" {
		return step.Container
	}
	return "step-" + step.Name
}
