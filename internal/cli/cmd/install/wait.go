package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const (
	kindCRD = "CustomResourceDefinition"
	// establishedWithin is how long the API server may take to serve the kinds; it takes a second or two.
	establishedWithin = time.Minute
	// between is the pause between two requests.
	between = 250 * time.Millisecond
)

// change sets some keys of a ConfigMap and keeps the others.
func change(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured, data map[string]any) error {
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return fmt.Errorf("cannot encode settings: %w", err)
	}
	if err := c.Client.Patch(ctx, object.DeepCopy(), client.RawPatch(types.MergePatchType, patch),
		client.FieldOwner(fieldManager)); err != nil {
		return fmt.Errorf("cannot change settings in ConfigMap %q: %w", object.GetName(), err)
	}
	return nil
}

// waitEstablished waits until the API server serves the kinds.
func waitEstablished(ctx context.Context, c *cluster.Cluster, objects []*unstructured.Unstructured) error {
	for _, object := range objects {
		if object.GetKind() != kindCRD {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, between, establishedWithin, true, func(ctx context.Context) (bool, error) {
			now := &unstructured.Unstructured{}
			now.SetGroupVersionKind(object.GroupVersionKind())
			if err := c.Client.Get(ctx, client.ObjectKeyFromObject(object), now); err != nil {
				return false, err
			}
			return established(now), nil
		})
		if err != nil {
			return fmt.Errorf("cannot wait until %s is served: %w", object.GetName(), err)
		}
	}
	return nil
}

// established reports whether the API server serves the kind of a CustomResourceDefinition.
func established(crd *unstructured.Unstructured) bool {
	conditions, _, err := unstructured.NestedSlice(crd.Object, "status", "conditions")
	if err != nil {
		return false
	}
	for _, entry := range conditions {
		if c, ok := entry.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
			return true
		}
	}
	return false
}

// awaited is a Deployment that must become ready. Its pods have the label app.kubernetes.io/name with its name.
type awaited struct{ what, namespace, name string }

// awaited returns the Deployments of the installation.
func (o *Options) awaited() []awaited {
	all := []awaited{{"controller", o.Choice.Namespace(), bundle.Deployment}}
	if !o.Choice.Beside && !o.Choice.NoResolvers {
		all = append(all, awaited{"resolvers", bundle.ResolversNamespace, bundle.ResolversDeployment})
	}
	return all
}

// waitReady waits until the controller and the resolvers are ready, and prints progress.
func (o *Options) waitReady(ctx context.Context, c *cluster.Cluster) error {
	if o.Wait <= 0 {
		return nil
	}
	for _, a := range o.awaited() {
		o.Terminal.Notef("waiting for the %s", a.what)
		if err := o.waitFor(ctx, c, a); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) waitFor(ctx context.Context, c *cluster.Cluster, a awaited) error {
	var d appsv1.Deployment
	err := wait.PollUntilContextTimeout(ctx, between, o.Wait, true, func(ctx context.Context) (bool, error) {
		if err := c.Client.Get(ctx, client.ObjectKey{Namespace: a.namespace, Name: a.name}, &d); err != nil {
			return false, err
		}
		return ready(&d), nil
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot wait for the %s: %w", a.what, err)
	}
	return clierror.New(fmt.Sprintf("the %s did not become ready in %s%s", a.what, o.Wait, whyNotReady(ctx, c, a)),
		"kubectl describe pods -n "+a.namespace, "kubectl logs -n "+a.namespace+" deployment/"+a.name)
}

// ready reports whether all replicas are ready and have the newest template.
func ready(d *appsv1.Deployment) bool {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	s := d.Status
	return s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == wanted && s.AvailableReplicas == wanted && s.Replicas == wanted
}

// whyNotReady returns the cause from the pods of a Deployment; empty if unknown.
func whyNotReady(ctx context.Context, c *cluster.Cluster, a awaited) string {
	var pods corev1.PodList
	if err := c.Client.List(ctx, &pods, client.InNamespace(a.namespace),
		client.MatchingLabels{"app.kubernetes.io/name": a.name}); err != nil {
		return ""
	}
	for i := range pods.Items {
		for _, status := range pods.Items[i].Status.ContainerStatuses {
			if w := status.State.Waiting; w != nil && w.Message != "" {
				return ": " + terminal.Line(w.Reason+": "+w.Message)
			}
		}
	}
	return ""
}
