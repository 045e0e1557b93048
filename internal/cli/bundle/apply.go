package bundle

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// tick is how often is looked whether something is there.
const tick = 200 * time.Millisecond

// Owner is the name under which fields are applied.
const Owner = client.FieldOwner("sluice")

// Apply makes the objects as they are given, in their order; what config/ says is ours, whoever else has said it. Behind
// the last CRD it waits until the API server serves the kinds. Each is called with every object, before it is applied.
func Apply(ctx context.Context, c client.Client, objects []*unstructured.Unstructured, each func(*unstructured.Unstructured)) error {
	kinds := false
	for _, o := range objects {
		if o.GetKind() == "CustomResourceDefinition" {
			kinds = true
		} else if kinds {
			if err := served(ctx, c); err != nil {
				return err
			}
			kinds = false
		}
		each(o)
		if err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), Owner, client.ForceOwnership); err != nil {
			return fmt.Errorf("cannot apply %s %q: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// CreateMissing creates the objects that are not there, and leaves the others as they are. It returns those created.
func CreateMissing(ctx context.Context, c client.Client, objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	var created []*unstructured.Unstructured
	for _, o := range objects {
		err := c.Create(ctx, o, Owner)
		if apierrors.IsAlreadyExists(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot create %s %q: %w", o.GetKind(), o.GetName(), err)
		}
		created = append(created, o)
	}
	return created, nil
}

// served waits until the API server serves the kinds of tekton.dev: it stores CRDs a moment before.
func served(ctx context.Context, c client.Client) error {
	return poll(ctx, "the API server does not serve the kinds of "+v1.GroupName, func() (bool, error) {
		for _, list := range []client.ObjectList{&v1.TaskList{}, &v1.TaskRunList{}, &v1.PipelineList{}, &v1.PipelineRunList{}} {
			err := c.List(ctx, list, client.Limit(1))
			if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// Ready waits until the controller that was applied last is available and its webhooks answer. The API server comes to
// know a moment later than the Deployment where they are, so a Task is offered to them, without being stored.
func Ready(ctx context.Context, c client.Client) error {
	if err := deployed(ctx, c); err != nil {
		return err
	}
	return poll(ctx, "the controller's webhooks do not answer; sluice doctor says more", func() (bool, error) {
		task := &v1.Task{Spec: v1.TaskSpec{Steps: []v1.Step{{Image: "none"}}}}
		task.Namespace, task.GenerateName = Namespace, "ready-"
		err := c.Create(ctx, task, client.DryRunAll)
		if apierrors.IsInternalError(err) {
			return false, nil
		}
		return err == nil, err
	})
}

func deployed(ctx context.Context, c client.Client) error {
	return poll(ctx, "the controller does not become ready; kubectl get pods -n "+Namespace+" shows why", func() (bool, error) {
		var d appsv1.Deployment
		if err := c.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: Deployment}, &d); err != nil {
			return false, fmt.Errorf("cannot read Deployment %q: %w", Deployment, err)
		}
		return available(&d), nil
	})
}

func available(d *appsv1.Deployment) bool {
	replicas := int32(1)
	if d.Spec.Replicas != nil {
		replicas = *d.Spec.Replicas
	}
	s := d.Status
	if s.ObservedGeneration < d.Generation || s.UpdatedReplicas < replicas || s.AvailableReplicas < replicas || s.Replicas > replicas {
		return false
	}
	for _, condition := range s.Conditions {
		if condition.Type == appsv1.DeploymentAvailable {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// poll asks until the answer is yes, an error, or the end of ctx, which it reports with what was not so.
func poll(ctx context.Context, otherwise string, done func() (bool, error)) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		ok, err := done()
		if ok || err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", otherwise, ctx.Err())
		case <-ticker.C:
		}
	}
}
