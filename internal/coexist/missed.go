// Package coexist has what a controller does only beside Tekton.
package coexist

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/ownership"
)

// ReasonMissed is the reason of the event of a run that the webhook should have marked.
const ReasonMissed = "ManagedByNotSet"

// Reporter emits an event for each new run that the webhook should have marked for Sluice and did not.
type Reporter struct {
	// Cache has the runs and the namespaces of Sluice.
	Cache cache.Cache
	// Recorder emits the events.
	Recorder events.EventRecorder
	// Leads is closed once this replica leads. Until then the leader emits the events.
	Leads <-chan struct{}
}

// Watch begins to watch. Runs that exist when the controller starts get no event: they may have had one.
func (r *Reporter) Watch(ctx context.Context) error {
	for _, kind := range []client.Object{&v1.TaskRun{}, &v1.PipelineRun{}} {
		informer, err := r.Cache.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("cannot watch runs of other controllers: %w", err)
		}
		handler := toolscache.ResourceEventHandlerDetailedFuncs{AddFunc: func(o any, initial bool) {
			if run, ok := o.(client.Object); ok && !initial {
				r.Report(ctx, run)
			}
		}}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("cannot watch runs of other controllers: %w", err)
		}
	}
	return nil
}

// Report emits an event if a run should have been marked.
func (r *Reporter) Report(ctx context.Context, run client.Object) {
	managedBy := managerOf(run)
	if !ownership.Unnamed(managedBy) || ownership.Child(run) || !r.leads() {
		return
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.APIVersion, namespace.Kind = "v1", "Namespace"
	// The cache has only the namespaces of Sluice. A failed read is not worth an event: the metric counts the run.
	if r.Cache.Get(ctx, client.ObjectKey{Name: run.GetNamespace()}, namespace) != nil || !ownership.Missed(run, managedBy, namespace) {
		return
	}
	r.Recorder.Eventf(run, nil, corev1.EventTypeWarning, ReasonMissed, "Create",
		"Tekton runs this, although namespace %q has the label %s=%s: the webhook of Sluice did not respond when the run was created, "+
			"so spec.managedBy is not set; to run it with Sluice, create it again (sluice doctor checks the webhook)",
		run.GetNamespace(), v1.LabelEngine, v1.EngineSluice)
}

func (r *Reporter) leads() bool {
	select {
	case <-r.Leads:
		return true
	default:
		return false
	}
}

func managerOf(run client.Object) *string {
	switch typed := run.(type) {
	case *v1.TaskRun:
		return typed.Spec.ManagedBy
	case *v1.PipelineRun:
		return typed.Spec.ManagedBy
	default:
		return new("unknown kind")
	}
}
