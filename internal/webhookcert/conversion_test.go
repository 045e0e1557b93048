package webhookcert

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// crd returns a CRD whose conversion is by a service.
func crd(name, service string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": name, "generation": int64(1)},
		"spec": map[string]any{"conversion": map[string]any{"webhook": map[string]any{"clientConfig": map[string]any{
			"service": map[string]any{"namespace": "system", "name": service},
		}}}},
	}}
}

// TestConverting: the CA is written into each CRD that names the service, once for each CA, and again after a CRD was changed.
func TestConverting(t *testing.T) {
	patches := 0
	var failure error
	tasks, runs, other := crd("tasks", "hook"), crd("runs", "hook"), crd("other", "hook-of-another")
	certificate := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "certificate"}}
	api := fake.NewClientBuilder().WithObjects(tasks, runs, other, certificate).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, _ ...client.PatchOption) error {
			patches++
			if failure != nil {
				return failure
			}
			whole := crd(o.GetName(), "")
			if o.GetName() == "other" {
				return apierrors.NewInvalid(schema.GroupKind{Kind: "CustomResourceDefinition"}, "other", nil)
			}
			return c.Patch(ctx, whole, patch)
		},
	}).Build()
	c := &converting{
		client: api, secret: types.NamespacedName{Namespace: "system", Name: "certificate"}, service: "hook",
		crds: []string{"tasks", "runs", "other"}, done: map[string]written{}, ready: make(chan struct{}),
	}
	reconcile := func(want int) error {
		t.Helper()
		patches = 0
		_, err := c.Reconcile(t.Context(), ctrl.Request{})
		if patches != want {
			t.Errorf("want %d patches, got %d", want, patches)
		}
		return err
	}
	isReady := func() bool {
		select {
		case <-c.ready:
			return true
		default:
			return false
		}
	}
	if err := reconcile(0); err != nil || isReady() {
		t.Errorf("without a CA there is nothing to write: %v", err)
	}
	certificate.Data = map[string][]byte{caFile: []byte("first")}
	if err := api.Update(t.Context(), certificate); err != nil {
		t.Fatal(err)
	}
	failure = errors.New("no right")
	if err := reconcile(3); err == nil || isReady() {
		t.Errorf("a CRD without the CA must be reported and tried again, got %v", err)
	}
	failure = nil
	if err := reconcile(3); err != nil || !isReady() {
		t.Errorf("want it ready, got %v", err)
	}
	for name, want := range map[string]string{"tasks": "first", "runs": "first", "other": ""} {
		if got := caOf(t, api, name); got != want {
			t.Errorf("CRD %s: want the CA %q, got %q", name, want, got)
		}
	}
	if err := reconcile(0); err != nil {
		t.Errorf("nothing has changed: %v", err)
	}
	changed := crd("tasks", "hook")
	if err := api.Get(t.Context(), client.ObjectKey{Name: "tasks"}, changed); err != nil {
		t.Fatal(err)
	}
	changed.SetGeneration(7)
	if err := api.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := reconcile(1); err != nil {
		t.Errorf("want the changed CRD written again: %v", err)
	}
	certificate.Data[caFile] = []byte("second")
	if err := api.Update(t.Context(), certificate); err != nil {
		t.Fatal(err)
	}
	if err := reconcile(3); err != nil || caOf(t, api, "runs") != "second" {
		t.Errorf("want the new CA, got %q, %v", caOf(t, api, "runs"), err)
	}
}

func caOf(t *testing.T, api client.Client, name string) string {
	t.Helper()
	o := crd(name, "")
	if err := api.Get(t.Context(), client.ObjectKey{Name: name}, o); err != nil {
		t.Fatal(err)
	}
	encoded, _, err := unstructured.NestedString(o.Object, "spec", "conversion", "webhook", "clientConfig", "caBundle")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return string(ca)
}
