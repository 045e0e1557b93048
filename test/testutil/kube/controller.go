package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// ControllerName is the name of the controller's Deployment, of its service account and of its lease.
const ControllerName = "sluice-controller"

// Controllers lists the controller's pods that have not ended.
func (c *Cluster) Controllers(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := c.Client.List(ctx, &pods, client.InNamespace(c.Controller), client.MatchingLabels{"app.kubernetes.io/name": ControllerName})
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	}), err
}

// LeaderIdentity returns the holder of the controllers' lease: a pod's name, an underscore, and an identifier of the process.
// It is empty while the lease has no holder.
func (c *Cluster) LeaderIdentity(ctx context.Context) (string, error) {
	lease, err := c.Kube.CoordinationV1().Leases(c.Controller).Get(ctx, ControllerName, metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return "", err
	}
	return *lease.Spec.HolderIdentity, nil
}

// Leader returns the pod of the leading controller, and its identity in the lease.
func (c *Cluster) Leader(ctx context.Context) (*corev1.Pod, string, error) {
	identity, err := c.LeaderIdentity(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("cannot read lease %q: %w", ControllerName, err)
	}
	name, _, _ := strings.Cut(identity, "_")
	pod, err := c.Kube.CoreV1().Pods(c.Controller).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, "", fmt.Errorf("cannot read the leading pod %q: %w", name, err)
	}
	return pod, identity, nil
}

// AwaitOtherLeader waits until a controller with another identity leads.
func (c *Cluster) AwaitOtherLeader(ctx context.Context, before string) error {
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		now, err := c.LeaderIdentity(ctx)
		return now != "" && now != before, ignorePassing(err)
	})
	if err != nil {
		return fmt.Errorf("no other controller takes over from %q: %w", before, err)
	}
	return nil
}

// ChangeController edits the pods of the controller's Deployment, and waits until the new pods run. Restore reverts the
// change and waits, too.
func (c *Cluster) ChangeController(ctx context.Context, edit func(*corev1.PodSpec)) (restore func(context.Context) error, err error) {
	var before corev1.PodTemplateSpec
	err = c.UpdateController(ctx, func(d *appsv1.Deployment) {
		before = *d.Spec.Template.DeepCopy()
		edit(&d.Spec.Template.Spec)
	})
	restore = func(ctx context.Context) error {
		return c.UpdateController(ctx, func(d *appsv1.Deployment) { d.Spec.Template = before })
	}
	return restore, err
}

// ReplaceController replaces the controller's pods with new ones.
func (c *Cluster) ReplaceController(ctx context.Context) error {
	return c.UpdateController(ctx, func(d *appsv1.Deployment) {
		if d.Spec.Template.Annotations == nil {
			d.Spec.Template.Annotations = map[string]string{}
		}
		d.Spec.Template.Annotations["test/replaced"] = time.Now().Format(time.RFC3339Nano)
	})
}

// ScaleController sets the number of controllers, and waits until that many run.
func (c *Cluster) ScaleController(ctx context.Context, replicas int32) error {
	return c.UpdateController(ctx, func(d *appsv1.Deployment) { d.Spec.Replicas = &replicas })
}

// UpdateController changes the controller's Deployment, and waits until the controller is ready.
func (c *Cluster) UpdateController(ctx context.Context, edit func(*appsv1.Deployment)) error {
	d := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: c.Controller, Name: ControllerName}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := c.Client.Get(ctx, key, d); err != nil {
			return err
		}
		edit(d)
		return c.Client.Update(ctx, d)
	})
	if err != nil {
		return fmt.Errorf("cannot change Deployment %q: %w", ControllerName, err)
	}
	return c.ControllerSettled(ctx)
}

// ControllerSettled waits until the pods of the controller's Deployment exist and are ready, one of them leads, and its
// webhooks answer. If the API server does not answer for a while, it keeps trying.
func (c *Cluster) ControllerSettled(ctx context.Context) error {
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		ok, err := c.controllerSettled(ctx)
		return ok, ignorePassing(err)
	})
	if err != nil {
		return fmt.Errorf("cannot wait until Deployment %q is ready: %w", ControllerName, err)
	}
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{Script("none", "true")}}}}
	run.Namespace, run.GenerateName = c.Controller, "never-"
	return Create(ctx, c.Client, run, client.DryRunAll)
}

func (c *Cluster) controllerSettled(ctx context.Context) (bool, error) {
	d := &appsv1.Deployment{}
	if err := c.Client.Get(ctx, client.ObjectKey{Namespace: c.Controller, Name: ControllerName}, d); err != nil {
		return false, err
	}
	s := d.Status
	if s.ObservedGeneration < d.Generation || s.UpdatedReplicas != *d.Spec.Replicas || s.ReadyReplicas != *d.Spec.Replicas {
		return false, nil
	}
	pods, err := c.Controllers(ctx)
	if err != nil || len(pods) != int(*d.Spec.Replicas) {
		return false, err
	}
	identity, err := c.LeaderIdentity(ctx)
	leader, _, _ := strings.Cut(identity, "_")
	return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Name == leader }), err
}
