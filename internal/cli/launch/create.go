package launch

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// owner is the field manager of applied fields.
const owner = client.FieldOwner("sluice")

// Apply creates or changes an object so that it is as in the file.
func Apply(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured) error {
	if err := Place(c, object); err != nil {
		return err
	}
	if object.GetName() == "" {
		return clierror.New(fmt.Sprintf("a %s of the files has no name", object.GetKind()), "set metadata.name")
	}
	name := fmt.Sprintf("%s %q", object.GetKind(), object.GetName())
	err := c.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), owner, client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("cannot apply %s: %w", name, err)
	}
	return nil
}

// Create creates a run, and returns it as the server has stored it.
func Create(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured) (runs.Run, error) {
	if err := Place(c, object); err != nil {
		return runs.Run{}, err
	}
	object.SetAPIVersion(v1.GroupVersion.String())
	strict := client.WithFieldValidation(c.Client, "Strict")
	err := strict.Create(ctx, object)
	name := object.GetName()
	switch {
	case apierrors.IsAlreadyExists(err):
		return runs.Run{}, clierror.New(fmt.Sprintf("%s %q already exists", object.GetKind(), name),
			"let the server generate names: replace metadata.name by metadata.generateName: "+name+"-",
			fmt.Sprintf("or delete the old one: sluice delete %s", runs.FullName{Kind: object.GetKind(), Name: name}))
	case err != nil:
		return runs.Run{}, fmt.Errorf("cannot create %s %q: %w", object.GetKind(), name+object.GetGenerateName(), err)
	}
	made := runs.New(object.GetKind())
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, made.Object()); err != nil {
		return runs.Run{}, fmt.Errorf("cannot read %s %q: %w", object.GetKind(), object.GetName(), err)
	}
	return made, nil
}

// Place sets the namespace of an object to the one of the command, unless the file has one or the kind has no namespace.
func Place(c *cluster.Cluster, object *unstructured.Unstructured) error {
	if object.GetNamespace() != "" {
		return nil
	}
	namespaced, err := c.Client.IsObjectNamespaced(object)
	if err != nil {
		return fmt.Errorf("cannot find kind %s of %q: %w", object.GetKind(), object.GetName(), err)
	}
	if namespaced {
		object.SetNamespace(c.Namespace)
	}
	return nil
}
