package migration

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// PageSize is how many objects are listed at a time.
const PageSize = 100

// API reads and writes CRDs and objects on an API server. It lists only the metadata of objects.
type API struct {
	Client client.Client
	// DryRun: the API server checks each request and changes nothing.
	DryRun bool
}

// Read returns a CRD.
func (a API) Read(ctx context.Context, name string) (Definition, error) {
	crd := definition(name)
	if err := a.Client.Get(ctx, client.ObjectKeyFromObject(crd), crd); err != nil {
		return Definition{}, err
	}
	d := Definition{Name: name, Generation: crd.GetGeneration()}
	d.Group, _, _ = unstructured.NestedString(crd.Object, "spec", "group")
	d.Kind, _, _ = unstructured.NestedString(crd.Object, "spec", "names", "kind")
	d.Stored, _, _ = unstructured.NestedStringSlice(crd.Object, "status", "storedVersions")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, one := range versions {
		version, _ := one.(map[string]any)
		if stored, _ := version["storage"].(bool); stored {
			d.Storage, _ = version["name"].(string)
		}
	}
	if d.Storage == "" || d.Kind == "" || len(d.Stored) == 0 {
		return Definition{}, fmt.Errorf("it has no stored version yet: kind %q, storage %q, storedVersions %q", d.Kind, d.Storage, d.Stored)
	}
	return d, nil
}

func definition(name string) *unstructured.Unstructured {
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	crd.SetName(name)
	return crd
}

// Clean patches the status of a CRD. The patch fails if the spec or the stored versions have changed.
func (a API) Clean(ctx context.Context, d Definition) error {
	patch, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/generation", "value": d.Generation},
		{"op": "test", "path": "/status/storedVersions", "value": d.Stored},
		{"op": "replace", "path": "/status/storedVersions", "value": []string{d.Storage}},
	})
	if err != nil {
		return fmt.Errorf("cannot encode the patch: %w", err)
	}
	return a.Client.Status().Patch(ctx, definition(d.Name), client.RawPatch(types.JSONPatchType, patch))
}

// Page lists objects in the storage version.
func (a API) Page(ctx context.Context, d Definition, token string) (Page, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: d.Group, Version: d.Storage, Kind: d.Kind + "List"})
	if err := a.Client.List(ctx, list, client.Limit(PageSize), client.Continue(token)); err != nil {
		return Page{}, err
	}
	page := Page{Next: list.Continue}
	for i := range list.Items {
		page.Names = append(page.Names, client.ObjectKeyFromObject(&list.Items[i]))
	}
	return page, nil
}

// Rewrite patches an object with nothing. The API server then writes it if the stored bytes are not those of the storage version.
func (a API) Rewrite(ctx context.Context, d Definition, name types.NamespacedName) error {
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: d.Group, Version: d.Storage, Kind: d.Kind})
	var options []client.PatchOption
	if a.DryRun {
		options = append(options, client.DryRunAll)
	}
	return a.Client.Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte("{}")), options...)
}
