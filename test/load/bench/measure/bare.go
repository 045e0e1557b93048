package measure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// A kind without a schema and without webhooks. The API server's time for an object of this kind is the least for any controller.
const (
	bareGroup   = "bench.sluice.dev"
	bareVersion = "v1"
	bareKind    = "Bare"
	barePlural  = "bares"
	// served is the maximum time until the API server serves the kind.
	served = time.Minute
)

// serveBare creates the kind, and waits until the API server accepts an object of it in a namespace. It returns the CRD.
func (b *Bench) serveBare(ctx context.Context, namespace string) (client.Object, error) {
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": barePlural + "." + bareGroup},
		"spec": map[string]any{
			"group": bareGroup,
			"scope": "Namespaced",
			"names": map[string]any{"kind": bareKind, "plural": barePlural, "singular": strings.ToLower(bareKind), "listKind": bareKind + "List"},
			"versions": []any{map[string]any{
				"name":    bareVersion,
				"served":  true,
				"storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object", "x-kubernetes-preserve-unknown-fields": true,
				}},
			}},
		},
	}}
	if err := b.Client.Create(ctx, crd); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("cannot create the kind without a schema: %w", err)
	}
	probe := &unstructured.Unstructured{Object: map[string]any{}}
	asBare(probe)
	probe.SetNamespace(namespace)
	probe.SetName("probe")
	ctx, cancel := context.WithTimeout(ctx, served)
	defer cancel()
	var last error
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		last = b.Client.Create(ctx, probe.DeepCopy(), client.DryRunAll)
		return last == nil, nil
	})
	if err != nil {
		return crd, fmt.Errorf("the API server does not serve the kind without a schema: %w", errors.Join(err, last))
	}
	return crd, nil
}

// bareOf returns an object of the kind without a schema that has the same bytes as the object.
func bareOf(object client.Object) (*unstructured.Unstructured, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("cannot convert hostile object %q: %w", object.GetName(), err)
	}
	bare := &unstructured.Unstructured{Object: fields}
	asBare(bare)
	return bare, nil
}

func asBare(o *unstructured.Unstructured) {
	o.SetAPIVersion(bareGroup + "/" + bareVersion)
	o.SetKind(bareKind)
}
