package sidecarlogs

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/transport"
)

// Transport is a transport.Transport and a transport.AccessChecker.
type Transport struct {
	collector *collect.Collector
	access    LogAccess
	beside    bool
}

// New returns a Transport that reads logs through the collector, if access permits it.
func New(collector *collect.Collector, access LogAccess) *Transport {
	return &Transport{collector: collector, access: access}
}

// Beside sets whether the controller runs beside Tekton: the right to read logs is then granted in another way. It returns the Transport.
func (m *Transport) Beside(tekton bool) *Transport {
	m.beside = tekton
	return m
}

// Progress reads the log of the results sidecar as soon as it runs, and returns the present progress. Results that were read
// remain available after the pod is deleted.
func (m *Transport) Progress(run transport.Run) collect.Progress {
	if run.Pod != nil {
		nonce, ok := nonce(run.Pod)
		if !ok {
			return collect.Progress{GaveUp: true, Err: fmt.Errorf(
				"pod %q was made for results-from sidecar-logs, but has no container %q: another client changed it",
				run.Pod.Name, podpaths.ResultsContainer)}
		}
		m.watch(run, nonce)
	}
	progress := m.collector.Progress(run.UID)
	if apierrors.IsForbidden(progress.Err) {
		progress.Err = m.refusal(run.Name.Namespace, progress.Err)
	}
	return progress
}

func (m *Transport) watch(run transport.Run, nonce string) {
	i := slices.IndexFunc(run.Pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == podpaths.ResultsContainer })
	if i < 0 {
		return
	}
	state := run.Pod.Status.ContainerStatuses[i].State
	if state.Running == nil && state.Terminated == nil {
		return
	}
	var declared []results.Declared
	for _, r := range pod.ResultsOf(run.Spec) {
		declared = append(declared, r.Declared)
	}
	m.collector.Watch(collect.Target{
		Key: run.UID, Namespace: run.Pod.Namespace, Pod: run.Pod.Name, Container: podpaths.ResultsContainer,
		Want:  collect.Want{Nonce: nonce, Results: declared, Steps: podpaths.StepContainers(run.Spec), Signatures: signs(run.Pod)},
		Owner: run.Name,
	}, state.Terminated != nil || ended(run.Pod))
}

// ended reports whether the whole pod has ended. The status of its containers can be out of date if the kubelet is gone.
func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// Forget stops reading the run's log and drops its results.
func (m *Transport) Forget(run types.NamespacedName) { m.collector.ForgetOwner(run) }
