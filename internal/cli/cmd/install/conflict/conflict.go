// Package conflict finds another controller of tekton.dev in a cluster. Two of them would act on the same runs, and undo what
// the other does.
package conflict

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

// Namespace is where controllers of tekton.dev are installed unless somebody has chosen another one.
const Namespace = "tekton-pipelines"

// AnnotationReplicas on a Deployment that was scaled down says how many replicas it had.
const AnnotationReplicas = "sluice.dev/replicas"

// names are those of Deployments that act on runs, in the distributions of the peer.
func names() []string { return []string{"tekton-pipelines-controller", "tekton-events-controller"} }

// Controller is a Deployment that acts on runs.
type Controller struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Replicas that are wanted; 0 for one that has been scaled down.
	Replicas int32 `json:"replicas"`
	// Before is how many there were before it was scaled down; 0 where that is not known.
	Before int32 `json:"before,omitempty"`
}

// String names the Deployment as messages do.
func (c Controller) String() string {
	return fmt.Sprintf("deployment %s in namespace %s", c.Name, c.Namespace)
}

// Restore is the command that brings it back.
func (c Controller) Restore() string {
	return fmt.Sprintf("kubectl scale deployment %s -n %s --replicas=%d", c.Name, c.Namespace, max(1, c.Before))
}

// Find returns the controllers that there are, by namespace and name. Without the right to list Deployments everywhere
// only the usual namespace is looked at.
func Find(ctx context.Context, c *cluster.Cluster) ([]Controller, error) {
	var list appsv1.DeploymentList
	err := c.Client.List(ctx, &list)
	if apierrors.IsForbidden(err) {
		list = appsv1.DeploymentList{}
		err = c.Client.List(ctx, &list, client.InNamespace(Namespace))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look for other controllers of %s: %w", v1.GroupName, err)
	}
	var found []Controller
	for i := range list.Items {
		if IsOne(&list.Items[i]) {
			found = append(found, of(&list.Items[i]))
		}
	}
	slices.SortFunc(found, func(a, b Controller) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

// IsOne reports whether a Deployment is a controller of somebody else: by its name, or by the labels of the peer.
func IsOne(d *appsv1.Deployment) bool {
	if slices.Contains(names(), d.Name) {
		return true
	}
	return d.Labels["app.kubernetes.io/part-of"] == "tekton-pipelines" && d.Labels["app.kubernetes.io/component"] == "controller"
}

func of(d *appsv1.Deployment) Controller {
	c := Controller{Namespace: d.Namespace, Name: d.Name, Replicas: 1}
	if d.Spec.Replicas != nil {
		c.Replicas = *d.Spec.Replicas
	}
	if n, err := strconv.ParseInt(d.Annotations[AnnotationReplicas], 10, 32); err == nil {
		c.Before = int32(n)
	}
	return c
}

// Acting are those of the controllers that have replicas.
func Acting(all []Controller) []Controller {
	return slices.DeleteFunc(slices.Clone(all), func(c Controller) bool { return c.Replicas == 0 })
}

// Stop scales a controller down, and notes on it how many replicas it had. It returns the controller as it is then.
func Stop(ctx context.Context, c *cluster.Cluster, of Controller) (Controller, error) {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}},"spec":{"replicas":0}}`, AnnotationReplicas, strconv.Itoa(int(of.Replicas)))
	d := &appsv1.Deployment{}
	d.Namespace, d.Name = of.Namespace, of.Name
	if err := c.Client.Patch(ctx, d, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		return of, fmt.Errorf("cannot scale down %s: %w", of, err)
	}
	of.Before, of.Replicas = of.Replicas, 0
	return of, nil
}
