package taskrun

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// collectResults makes sure that the log of the results sidecar is being read, from the moment at which it runs.
func (r *Reconciler) collectResults(tr *v1.TaskRun, obs Observation) {
	nonce, ok := pod.Nonce(obs.Pod)
	if !ok {
		return
	}
	state := containersOf(obs.Pod).results.State
	if state.Running == nil && state.Terminated == nil {
		return
	}
	declared := make([]results.Declared, len(obs.Spec.Results))
	for i, d := range obs.Spec.Results {
		declared[i] = results.Declared{Name: d.Name, Type: string(d.Type)}
	}
	r.collector.Watch(collect.Target{
		Key: tr.UID, Namespace: obs.Pod.Namespace, Pod: obs.Pod.Name, Container: pod.ResultsContainer,
		Want:  collect.Want{Nonce: nonce, Results: declared},
		Owner: keyOf(tr),
	}, state.Terminated != nil)
}
