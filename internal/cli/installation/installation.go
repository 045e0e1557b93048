// Package installation finds the controller of Sluice in a cluster, and which runs it manages.
package installation

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

const (
	// NamespaceBeside is the namespace of Sluice beside Tekton.
	NamespaceBeside = "sluice-system"
	// NamespaceFull is the namespace of Sluice without Tekton.
	NamespaceFull = "tekton-pipelines"
	// deployment is the name of the controller's Deployment.
	deployment = "sluice-controller"
	// argument of a controller that runs beside Tekton, and the one that names its runs.
	argument          = "--coexist"
	argumentManagedBy = "--managed-by="
)

// Mode says which runs of the cluster Sluice manages.
type Mode string

// The modes.
const (
	// Absent: there is no controller of Sluice.
	Absent Mode = "absent"
	// Full: Sluice manages all runs, except those whose spec.managedBy names another controller.
	Full Mode = "full"
	// Beside: Sluice manages only the runs whose spec.managedBy names it.
	Beside Mode = "beside"
)

// Installation is the controller of Sluice in a cluster.
type Installation struct {
	// Mode says which runs it manages.
	Mode Mode `json:"mode"`
	// Namespace of the Deployment; empty if Absent.
	Namespace string `json:"namespace,omitempty"`
	// ManagedBy is the value of spec.managedBy of the runs that it manages.
	ManagedBy string `json:"managedBy,omitempty"`
	// Available: a replica is available.
	Available bool `json:"available"`
}

// Find returns the installation. If there are two, it returns the one beside Tekton. Without the right to list Deployments in
// all namespaces it reads the Deployment in the two default namespaces. The error is one of the API server.
func Find(ctx context.Context, c *cluster.Cluster) (Installation, error) {
	var list appsv1.DeploymentList
	err := c.Client.List(ctx, &list)
	if apierrors.IsForbidden(err) {
		list, err = usual(ctx, c)
	}
	if err != nil {
		return Installation{}, fmt.Errorf("cannot search for the controller of Sluice: %w", err)
	}
	found := Installation{Mode: Absent}
	for i := range list.Items {
		if d := &list.Items[i]; d.Name == deployment && found.Mode != Beside {
			found = of(d)
		}
	}
	return found, nil
}

// usual returns the Deployments of the controller in the default namespaces.
func usual(ctx context.Context, c *cluster.Cluster) (appsv1.DeploymentList, error) {
	var list appsv1.DeploymentList
	for _, namespace := range []string{NamespaceBeside, NamespaceFull} {
		var d appsv1.Deployment
		err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: deployment}, &d)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return list, err
		}
		list.Items = append(list.Items, d)
	}
	return list, nil
}

// of returns the installation of a Deployment, from the arguments of the controller.
func of(d *appsv1.Deployment) Installation {
	i := Installation{Mode: Full, Namespace: d.Namespace, Available: d.Status.AvailableReplicas > 0}
	named := v1.ManagedBySluice
	for _, container := range d.Spec.Template.Spec.Containers {
		for _, a := range container.Args {
			switch a {
			case argument, argument + "=true":
				i.Mode = Beside
			case argument + "=false":
				i.Mode = Full
			}
			if name, ok := strings.CutPrefix(a, argumentManagedBy); ok {
				named = name
			}
		}
	}
	i.ManagedBy = v1.ManagedByThis
	if i.Mode == Beside {
		i.ManagedBy = named
	}
	return i
}

// Engine is a controller of runs, as a user knows it.
type Engine string

// The engines.
const (
	Sluice Engine = "sluice"
	Tekton Engine = "tekton"
	// Other is a controller that is neither, such as one that queues runs.
	Other Engine = "other"
)

// Name returns the name of the engine for messages.
func (e Engine) Name() string {
	switch e {
	case Sluice:
		return "Sluice"
	case Tekton:
		return "Tekton"
	case Other:
		return "another controller"
	default:
		return string(e)
	}
}

// EngineOf returns the engine that runs a run, from its spec.managedBy.
func (i Installation) EngineOf(managedBy *string) Engine {
	switch {
	case managedBy == nil || *managedBy == "" || *managedBy == v1.ManagedByThis:
		if i.Mode == Full {
			return Sluice
		}
		return Tekton
	case i.Mode != Full && *managedBy == cmp.Or(i.ManagedBy, v1.ManagedBySluice):
		return Sluice
	default:
		return Other
	}
}

// EngineOfNew returns the engine that runs a new run of a namespace with these labels, if the run does not name one.
func (i Installation) EngineOfNew(labels map[string]string) Engine {
	switch {
	case i.Mode == Full:
		return Sluice
	case i.Mode == Beside && labels[v1.LabelEngine] == v1.EngineSluice:
		return Sluice
	default:
		return Tekton
	}
}
