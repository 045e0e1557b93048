package taskrun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// withSources adds to the states of steps where resolvers found their StepActions. Later reconciles do not resolve these
// again, so the status keeps it, even while there is no pod.
func withSources(states []v1.StepState, task Task) []v1.StepState {
	if len(task.StepSources) == 0 {
		return states
	}
	for _, container := range podpaths.StepContainers(task.Spec) {
		source := task.StepSources[container]
		if source == nil {
			continue
		}
		if state := stepOf(states, container); state != nil {
			state.Provenance = &v1.Provenance{RefSource: source}
			continue
		}
		states = append(states, v1.StepState{
			Name: podpaths.StepOf(container), Container: container, Provenance: &v1.Provenance{RefSource: source},
		})
	}
	return states
}

// sourcesOf returns the parts of the steps' states that the next attempt of a run keeps.
func sourcesOf(states []v1.StepState) []v1.StepState {
	var sources []v1.StepState
	for i := range states {
		if s := &states[i]; s.Provenance != nil {
			sources = append(sources, v1.StepState{Name: s.Name, Container: s.Container, Provenance: s.Provenance})
		}
	}
	return sources
}

// stepOf returns the state of the step in a container; nil if there is none.
func stepOf(states []v1.StepState, container string) *v1.StepState {
	for i := range states {
		if states[i].Container == container {
			return &states[i]
		}
	}
	return nil
}
