package install

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
)

// admitBeside returns an error if Sluice cannot run beside Tekton on this cluster. Otherwise it notes the namespace of Tekton.
func (o *Options) admitBeside(ctx context.Context, c *cluster.Cluster, others []conflict.Controller) error {
	if len(others) == 0 {
		return clierror.New("cannot install beside Tekton: no controller of Tekton is active on this cluster",
			"to install Sluice as the only controller: sluice install",
			"to start a controller of Tekton that was scaled down: kubectl scale deployment tekton-pipelines-controller "+
				"-n tekton-pipelines --replicas=1")
	}
	o.Choice.TektonNamespace = others[0].Namespace
	for _, other := range others {
		if other.Name == conflict.Main {
			o.Choice.TektonNamespace = other.Namespace
		}
	}
	var alone appsv1.Deployment
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: bundle.Namespace, Name: bundle.Deployment}, &alone)
	if err == nil {
		return clierror.New(fmt.Sprintf("cannot install beside Tekton: Sluice is installed as the only controller "+
			"(deployment %s in namespace %s)", bundle.Deployment, bundle.Namespace),
			"remove it, and keep all runs: sluice uninstall --yes --keep-runs")
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("cannot read deployment %q: %w", bundle.Deployment, err)
	}
	return namesManagers(ctx, c)
}

// namesManagers returns an error if the kinds of runs have no field spec.managedBy: then Tekton would run the runs of Sluice, too.
// An older version of Tekton does not name its fields; the controller finds out when it starts.
func namesManagers(ctx context.Context, c *cluster.Cluster) error {
	for _, name := range []string{"taskruns." + v1.GroupName, "pipelineruns." + v1.GroupName} {
		crd := &unstructured.Unstructured{}
		crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: kindCRD})
		if err := c.Client.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
			return fmt.Errorf("cannot read %s %q of Tekton: %w", kindCRD, name, err)
		}
		if fields := specFields(crd); len(fields) > 0 && fields["managedBy"] == nil {
			return clierror.New(fmt.Sprintf("cannot install beside Tekton: %s has no field spec.managedBy in version v1, "+
				"so Tekton would run the runs of Sluice, too", name), "update Tekton to a version that has the field")
		}
	}
	return nil
}

// specFields returns the fields of spec in version v1 of a CustomResourceDefinition; empty if it names none.
func specFields(crd *unstructured.Unstructured) map[string]any {
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		return nil
	}
	for _, entry := range versions {
		version, ok := entry.(map[string]any)
		if !ok || version["name"] != v1.GroupVersion.Version {
			continue
		}
		fields, _, err := unstructured.NestedMap(version, "schema", "openAPIV3Schema", "properties", "spec", "properties")
		if err != nil {
			return nil
		}
		return fields
	}
	return nil
}
