// Package transport is the seam between a run and the ways in which results leave its pod. Each value of the flag
// results-from is one Transport, in a package below this one; cmd/controller lists them.
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
	// AddTo adds to the pod what carries its results. It is a pure function.
	pod.Transport
	// Progress returns what is known of how the run's steps ended and of what they produced, and sees to it that more
	// becomes known: whoever owns the run is woken then. It never blocks.
	Progress(run Run) collect.Progress
	// Forget drops what is held for a run that has ended, or is gone.
	Forget(run types.NamespacedName)
}

// AccessChecker is what a Transport is, too, that needs a permission. It is asked before the pod is made, so that no step runs
// whose results could not come back.
type AccessChecker interface {
	// CheckAccess returns why results could not come back from pods of the namespace, or of any namespace when it is empty;
	// nil when they could.
	CheckAccess(ctx context.Context, namespace string) (*RefusalError, error)
}

// RefusalError says that results cannot come back for want of a permission. An administrator has to act; trying again
// does not help.
type RefusalError struct {
	// Message says what is missing, and what grants it.
	Message string
}

// Error returns the message.
func (r *RefusalError) Error() string { return r.Message }

// Run is a run whose pod has been made.
type Run struct {
	// Name and UID of the TaskRun.
	Name types.NamespacedName
	UID  types.UID
	// Pod of the run, which it owns; nil when the pod is gone.
	Pod *corev1.Pod
	// Spec of its task, with defaults.
	Spec *v1.TaskSpec
}

// Transports are all that there are, by the value of results-from that chooses them.
type Transports map[config.ResultsFrom]Transport

// Names returns the values that results-from may have.
func (m Transports) Names() []config.ResultsFrom {
	names := make([]config.ResultsFrom, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	return names
}

// Progress asks the method that the run's pod was made for, whatever has been chosen since. A pod that is gone does not
// say; known is then what was chosen when it was made.
func (m Transports) Progress(run Run, known config.ResultsFrom) collect.Progress {
	if run.Pod != nil {
		known = pod.ResultsFrom(run.Pod)
	}
	chosen, ok := m[known]
	if !ok {
		return collect.Progress{GaveUp: true, Err: fmt.Errorf(
			"the results of this run come by %q, which this version of the controller does not know", known)}
	}
	return chosen.Progress(run)
}

// CheckAccess asks the method of this name for why results could not come back; nil when they could.
func (m Transports) CheckAccess(ctx context.Context, name config.ResultsFrom, namespace string) (*RefusalError, error) {
	if checker, ok := m[name].(AccessChecker); ok {
		return checker.CheckAccess(ctx, namespace)
	}
	return nil, nil //nolint:nilnil // no refusal and no error: the method needs no permission
}

// Warn returns what keeps results from coming back by the method of this name in every namespace; empty when nothing
// does.
func (m Transports) Warn(ctx context.Context, name config.ResultsFrom) (string, error) {
	refusal, err := m.CheckAccess(ctx, name, corev1.NamespaceAll)
	if err != nil || refusal == nil {
		return "", err
	}
	return refusal.Message, nil
}

// Forget drops what any method holds for the run.
func (m Transports) Forget(run types.NamespacedName) {
	for _, each := range m {
		each.Forget(run)
	}
}
