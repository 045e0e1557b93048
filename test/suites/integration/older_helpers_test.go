//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/convert"
)

// atOnce is how many objects are created at the same time.
const atOnce = 8

// createOlder creates objects.
func createOlder(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	failed := make([]error, len(objects))
	workqueue.ParallelizeUntil(t.Context(), atOnce, len(objects), func(i int) {
		if err := createOne(t.Context(), objects[i]); err != nil {
			failed[i] = fmt.Errorf("%s %s: %w", objects[i].GetKind(), objects[i].GetName(), err)
		}
	})
	if err := errors.Join(failed...); err != nil {
		t.Fatal(err)
	}
}

// createOne creates an object. The API server can call a webhook that was stopped once more; the object can be there in spite of that.
func createOne(ctx context.Context, o *unstructured.Unstructured) error {
	last, again := error(nil), false
	err := wait.PollUntilContextTimeout(ctx, period, patience, true, func(ctx context.Context) (bool, error) {
		last = shared.client.Create(ctx, o.DeepCopy())
		switch {
		case last == nil, again && apierrors.IsAlreadyExists(last):
			return true, nil
		case strings.Contains(last.Error(), "conversion webhook"):
			again = true
			return false, nil
		}
		return false, last
	})
	if wait.Interrupted(err) {
		return errors.Join(err, last)
	}
	return err
}

// listOlder lists the objects of the converted kinds in a version, by kind and name.
func listOlder(t *testing.T, namespace, version string) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	for kind := range converted() {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("tekton.dev/" + version)
		list.SetKind(kind + "List")
		for page := true; page; page = list.GetContinue() != "" {
			if err := shared.client.List(t.Context(), list, client.InNamespace(namespace), client.Limit(500),
				client.Continue(list.GetContinue())); err != nil {
				t.Fatalf("%s of %s: %v", kind, version, err)
			}
			for i := range list.Items {
				all[kind+" "+list.Items[i].GetName()] = &list.Items[i]
			}
		}
	}
	return all
}

// wantVersions reads the objects of a namespace in both versions, and compares them with what was created.
func wantVersions(t *testing.T, namespace string, all []*unstructured.Unstructured) {
	t.Helper()
	older, later := listOlder(t, namespace, "v1beta1"), listOlder(t, namespace, "v1")
	if len(older) != len(all) || len(later) != len(all) {
		t.Errorf("want %d objects, got %d in v1beta1 and %d in v1", len(all), len(older), len(later))
	}
	for _, o := range all {
		name := o.GetKind() + " " + o.GetName()
		if older[name] == nil || later[name] == nil {
			t.Fatalf("%s is lost: v1beta1 %t, v1 %t", name, older[name] != nil, later[name] != nil)
		}
		want := o.DeepCopy()
		if diff := cmp.Diff(want.Object["spec"], older[name].Object["spec"]); diff != "" {
			t.Fatalf("%s of v1beta1: -want +got\n%s", name, diff)
		}
		if err := convert.Convert(want.Object, "tekton.dev/v1"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Object["spec"], later[name].Object["spec"]); diff != "" {
			t.Fatalf("%s of v1: -want +got\n%s", name, diff)
		}
		if diff := cmp.Diff(want.GetAnnotations(), later[name].GetAnnotations()); diff != "" {
			t.Fatalf("%s of v1: annotations: -want +got\n%s", name, diff)
		}
	}
}
