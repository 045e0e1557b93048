//go:build integration

package beside

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// definition is the CRD of Tasks.
const definition = "tasks.tekton.dev"

// TestPlanOfStoredVersions: the plan names a kind with an object that an earlier Tekton has stored in v1beta1, also after the CRD
// stores v1. Two plans are equal, and the definitions do not change.
func TestPlanOfStoredVersions(t *testing.T) {
	namespace := newNamespace(t, false)
	setVersions(t, "v1", "v1beta1")
	t.Cleanup(func() { setVersions(t, "v1") })
	task := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1beta1", "kind": "Task",
		"metadata": map[string]any{"namespace": namespace, "name": "old"},
		"spec":     map[string]any{"steps": []any{map[string]any{"image": "busybox"}}},
	}}
	eventually(t, func(ctx context.Context) error { // the API server serves a new version after a delay
		return shared.client.Create(ctx, task.DeepCopy())
	})
	t.Cleanup(func() { _ = shared.client.Delete(context.Background(), task.DeepCopy()) })
	setVersions(t, "v1beta1", "v1")
	before := crd(t)

	out, code := execute(t, "takeover", "plan", "-o", "json")
	if code != clierror.Success {
		t.Fatalf("exit status %d:\n%s", code, out)
	}
	var plan struct {
		Kinds []struct {
			CRD     string   `json:"crd"`
			Storage string   `json:"storage"`
			Stored  []string `json:"stored"`
			Objects int      `json:"objects"`
		} `json:"kinds"`
		Blockers []string `json:"blockers"`
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, k := range plan.Kinds {
		if k.CRD == definition {
			found = k.Storage == "v1" && k.Objects > 0 && slices.Equal(k.Stored, []string{"v1", "v1beta1"})
		}
	}
	blocked := slices.ContainsFunc(plan.Blockers, func(text string) bool {
		return strings.HasPrefix(text, definition+": objects can be stored in v1beta1")
	})
	if !found || !blocked {
		t.Errorf("want %s with the stored version v1beta1 in the plan and in what cannot move yet:\n%s", definition, out)
	}
	if again, _ := execute(t, "takeover", "plan", "-o", "json"); again != out {
		t.Errorf("two plans differ:\n%s", cmp.Diff(out, again))
	}
	if now := crd(t); now.GetResourceVersion() != before.GetResourceVersion() {
		t.Error("the plan has changed a CRD")
	}
}

func crd(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if err := shared.client.Get(context.Background(), client.ObjectKey{Name: definition}, o); err != nil {
		t.Fatal(err)
	}
	return o
}

// setVersions makes the CRD serve versions with the schema of v1; it stores the last one. A version that it does not serve any more
// leaves status.storedVersions, too.
func setVersions(t *testing.T, versions ...string) {
	t.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the API server writes the conditions of a changed CRD
		o := crd(t)
		stored, _, _ := unstructured.NestedStringSlice(o.Object, "status", "storedVersions")
		kept := slices.DeleteFunc(stored, func(version string) bool { return !slices.Contains(versions, version) })
		if err := unstructured.SetNestedStringSlice(o.Object, kept, "status", "storedVersions"); err != nil {
			return err
		}
		if err := shared.client.Status().Update(context.Background(), o); err != nil {
			return err
		}
		have, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
		var list []any
		for i, name := range versions {
			version := (&unstructured.Unstructured{Object: have[0].(map[string]any)}).DeepCopy().Object
			version["name"], version["served"], version["storage"] = name, true, i == len(versions)-1
			list = append(list, version)
		}
		if err := unstructured.SetNestedSlice(o.Object, list, "spec", "versions"); err != nil {
			return err
		}
		return shared.client.Update(context.Background(), o)
	})
	if err != nil {
		t.Fatal(err)
	}
}
