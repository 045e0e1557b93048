// Package conflict finds another controller of tekton.dev in a cluster. Two controllers would reconcile the same runs, and
// overwrite each other's work.
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

// Namespace is the default namespace of controllers of tekton.dev.
const Namespace = "tekton-pipelines"

// AnnotationReplicas of a Deployment that Stop scaled down has the earlier number of replicas.
const AnnotationReplicas = "sluice.dev/replicas"

const (
	// Resolvers is the name of the Deployment of Tekton that answers ResolutionRequests.
	Resolvers = "tekton-pipelines-remote-resolvers"
	// ResolversNamespace is its default namespace.
	ResolversNamespace = "tekton-pipelines-resolvers"
)

// Main is the name of the Deployment of Tekton that reconciles TaskRuns and PipelineRuns.
const Main = "tekton-pipelines-controller"

// names returns the names of the Deployments of Tekton that reconcile runs.
func names() []string { return []string{Main, "tekton-events-controller"} }

// Controller is a Deployment that reconciles runs, or answers their ResolutionRequests.
type Controller struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Replicas in the spec; 0: scaled down.
	Replicas int32 `json:"replicas"`
	// Before is the number of replicas before it was scaled down; 0: unknown.
	Before int32 `json:"before,omitempty"`
}

// String returns the Deployment for messages.
func (c Controller) String() string {
	return fmt.Sprintf("deployment %s in namespace %s", c.Name, c.Namespace)
}

// Restore returns the command that scales it up again.
func (c Controller) Restore() string {
	return fmt.Sprintf("kubectl scale deployment %s -n %s --replicas=%d", c.Name, c.Namespace, max(1, c.Before))
}

// Find returns the controllers, sorted by namespace and name. Without the right to list Deployments in all namespaces it
// searches only the default namespace.
func Find(ctx context.Context, c *cluster.Cluster) ([]Controller, error) {
	return find(ctx, c, Namespace, IsOne)
}

// FindResolvers returns the Deployments of Tekton that answer ResolutionRequests, as Find returns controllers.
func FindResolvers(ctx context.Context, c *cluster.Cluster) ([]Controller, error) {
	return find(ctx, c, ResolversNamespace, isResolvers)
}

// FindAll returns the result of Find, and then that of FindResolvers.
func FindAll(ctx context.Context, c *cluster.Cluster) ([]Controller, error) {
	controllers, err := Find(ctx, c)
	if err != nil {
		return nil, err
	}
	resolvers, err := FindResolvers(ctx, c)
	return append(controllers, resolvers...), err
}

func find(ctx context.Context, c *cluster.Cluster, namespace string, matches func(*appsv1.Deployment) bool) ([]Controller, error) {
	var list appsv1.DeploymentList
	err := c.Client.List(ctx, &list)
	if apierrors.IsForbidden(err) {
		list = appsv1.DeploymentList{}
		err = c.Client.List(ctx, &list, client.InNamespace(namespace))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot search for other controllers of %s: %w", v1.GroupName, err)
	}
	var found []Controller
	for i := range list.Items {
		if matches(&list.Items[i]) {
			found = append(found, of(&list.Items[i]))
		}
	}
	slices.SortFunc(found, func(a, b Controller) int { return strings.Compare(a.String(), b.String()) })
	return found, nil
}

// IsOne reports whether a Deployment is another controller: by its name, or by the labels of Tekton.
func IsOne(d *appsv1.Deployment) bool {
	if slices.Contains(names(), d.Name) {
		return true
	}
	return partOfTekton(d, "controller")
}

// isResolvers reports whether a Deployment has the resolvers of Tekton: by its name, or by its labels.
func isResolvers(d *appsv1.Deployment) bool {
	return d.Name == Resolvers || partOfTekton(d, "resolvers")
}

func partOfTekton(d *appsv1.Deployment, component string) bool {
	return d.Labels["app.kubernetes.io/part-of"] == "tekton-pipelines" && d.Labels["app.kubernetes.io/component"] == component
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

// Acting returns the controllers that have replicas.
func Acting(all []Controller) []Controller {
	return slices.DeleteFunc(slices.Clone(all), func(c Controller) bool { return c.Replicas == 0 })
}

// Stop scales a controller down, and records its number of replicas in an annotation. It returns the new state.
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
