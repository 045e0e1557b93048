// Package sidecarlogs implements results-from: sidecar-logs. A sidecar of the pod reads the results and writes them to its
// log as a stream of package frame. The controller follows that log.
package sidecarlogs

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
)

// maxTotal is the limit for all results of a pod together. Later the controller computes the exact room in the object.
const maxTotal = results.ObjectLimit

// AddTo adds the results sidecar. It is the last container, so that it does not delay the first step. For a task without
// results it transports only how the steps ended.
func (*Transport) AddTo(p *corev1.Pod, layout pod.Layout) {
	args := []string{"results", "-nonce", layout.Nonce, "-run-dir", podpaths.RunDir}
	for _, dir := range layout.ResultDirs() {
		args = append(args, "-results-dir", dir)
	}
	for _, step := range layout.Steps {
		args = append(args, "-step", step)
	}
	args = append(args, layout.ResultArgs()...)
	args = append(args, "-max-result-size", strconv.FormatInt(layout.MaxResultSize, 10),
		"-max-total", strconv.FormatInt(maxTotal, 10))
	if layout.Signatures {
		args = append(args, signaturesArg)
	}
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{
		Name:            podpaths.ResultsContainer,
		Image:           layout.Image,
		Command:         []string{pod.ImageBinary},
		Args:            args,
		VolumeMounts:    layout.ResultMounts(),
		SecurityContext: pod.Restricted(),
	})
}

// signaturesArg is the flag of the sidecar for steps that sign their results.
const signaturesArg = "-signatures"

// signs reports whether the steps of the pod sign their results, according to the arguments of the pod.
func signs(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool {
		return c.Name == podpaths.ResultsContainer && slices.Contains(c.Args, signaturesArg)
	})
}

// nonce returns the nonce of the pod's results stream from the arguments of the pod.
func nonce(p *corev1.Pod) (string, bool) {
	i := slices.IndexFunc(p.Spec.Containers, func(c corev1.Container) bool { return c.Name == podpaths.ResultsContainer })
	if i < 0 {
		return "", false
	}
	args := p.Spec.Containers[i].Args
	if j := slices.Index(args, "-nonce"); j >= 0 && j+1 < len(args) {
		return args[j+1], true
	}
	return "", false
}
