// Package transport connects a run to the methods that transport results out of its pod. Each value of the flag results-from
// is one Method in a package below this one. cmd/controller lists them.
package transport

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// Transport is one way in which results leave a pod.
type Transport interface {
	// AddTo adds what the pod needs to transport its results. It is a pure function.
	pod.Transport
	// Progress returns the present knowledge about the ends and results of the run's steps, and starts to collect more. New
	// knowledge wakes the owner of the run. It never blocks.
	Progress(run Run) collect.Progress
	// Forget drops what is held for a run that has ended or is deleted.
	Forget(run types.NamespacedName)
}

// AccessChecker is implemented by a Transport that needs a permission. The controller checks it before it creates the pod, so that
// no step runs whose results could not be read.
type AccessChecker interface {
	// CheckAccess returns why results could not be read from pods of the namespace, or of some namespace if it is empty. It
	// returns nil if they can.
	CheckAccess(ctx context.Context, namespace string) (*RefusalError, error)
}

// RefusalError means that results cannot be read because a permission is missing. An administrator must grant it; a retry
// does not help.
type RefusalError struct {
	// Message names the missing permission, and the command that grants it.
	Message string
}

// Error returns the message.
func (r *RefusalError) Error() string { return r.Message }

// Run is a run whose pod has been created.
type Run struct {
	// Name and UID are those of the TaskRun.
	Name types.NamespacedName
	UID  types.UID
	// Pod is the pod that the run owns; nil after it is deleted.
	Pod *corev1.Pod
	// Spec is the spec of the task, with defaults.
	Spec *v1.TaskSpec
}

// Transports are all methods by their value of results-from.
type Transports map[config.ResultsFrom]Transport

// Names returns the permitted values of results-from.
func (m Transports) Names() []config.ResultsFrom {
	names := make([]config.ResultsFrom, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	return names
}

// Progress calls the method of the run's pod, even if another one has been chosen since. For a deleted pod it uses known, the
// method that was chosen at its creation.
func (m Transports) Progress(run Run, known config.ResultsFrom) collect.Progress {
	if run.Pod != nil {
		known = pod.ResultsFrom(run.Pod)
	}
	chosen, ok := m[known]
	if !ok {
		return collect.Progress{GaveUp: true, Err: fmt.Errorf(
			"the results of this run use the method %q, which this version of the controller does not have", known)}
	}
	return chosen.Progress(run)
}

// CheckAccess returns why the named method could not read results; nil if it can.
func (m Transports) CheckAccess(ctx context.Context, name config.ResultsFrom, namespace string) (*RefusalError, error) {
	if checker, ok := m[name].(AccessChecker); ok {
		return checker.CheckAccess(ctx, namespace)
	}
	return nil, nil //nolint:nilnil // no refusal and no error: the method needs no permission
}

// Warn returns why the named method could not read results in every namespace; empty if it can.
func (m Transports) Warn(ctx context.Context, name config.ResultsFrom) (string, error) {
	refusal, err := m.CheckAccess(ctx, name, corev1.NamespaceAll)
	if err != nil || refusal == nil {
		return "", err
	}
	return refusal.Message, nil
}

// Forget drops what the methods hold for the run.
func (m Transports) Forget(run types.NamespacedName) {
	for _, each := range m {
		each.Forget(run)
	}
}
