//go:build integration

package beside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// next is the name of a field that a later version of Tekton has in spec and status, and that Sluice does not know.
const next = "addedInTheNextVersion"

// TestTektonUpgrade: Tekton is updated while runs of Sluice are under way. Its kinds get fields that Sluice does not know. The runs
// end with their results, Sluice removes no value of such a field, Tekton's webhook refuses nothing, and doctor names the fields.
func TestTektonUpgrade(t *testing.T) {
	accepted := wantNothingRefused(t)
	namespace := newNamespace(t, true)
	begun := newTaskRun(namespace)
	create(t, begun)
	awaitTaskRun(t, begun, func(tr *v1.TaskRun) error {
		if tr.Status.PodName == "" {
			return fmt.Errorf("Sluice has not started it\n%s", shared.sluice.log())
		}
		return nil
	})
	loaded := loads(t)
	upgrade(t)
	eventually(t, func(context.Context) error {
		if loads(t) == loaded {
			return errors.New("the controller has not read the new fields")
		}
		return nil
	})
	setNext(t, begun, "status")
	late := untyped(t, newTaskRun(namespace))
	if err := unstructured.SetNestedField(late.Object, "kept", "spec", next); err != nil {
		t.Fatal(err)
	}
	create(t, late)
	play(t, namespace, "by Sluice")
	for name, field := range map[string]string{begun.Name: "status", late.GetName(): "spec"} {
		tr := &v1.TaskRun{}
		tr.Namespace, tr.Name = namespace, name
		awaitTaskRun(t, tr, ended)
		if len(tr.Status.Results) != 1 || tr.Status.Results[0].Value.String != "by Sluice" {
			t.Errorf("TaskRun %q: got results %+v", name, tr.Status.Results)
		}
		found := untyped(t, tr)
		if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(tr), found); err != nil {
			t.Fatal(err)
		}
		if kept, _, _ := unstructured.NestedString(found.Object, field, next); kept != "kept" {
			t.Errorf("TaskRun %q: Sluice has removed %s.%s", name, field, next)
		}
	}
	accepted()
	if out, _ := execute(t, "doctor"); !strings.Contains(out, "TaskRun spec."+next) {
		t.Errorf("doctor does not name spec.%s:\n%s", next, out)
	}
}

// untyped returns an object of which every field is kept.
func untyped(t *testing.T, tr *v1.TaskRun) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": tr.Namespace, "generateName": tr.GenerateName},
		"spec": map[string]any{"taskSpec": map[string]any{
			"results": []any{map[string]any{"name": "r"}},
			"steps":   []any{map[string]any{"name": "s", "image": "docker.io/library/busybox:1", "command": []any{"true"}}},
		}},
	}}
	o.SetGroupVersionKind(v1.GroupVersion.WithKind(v1.KindTaskRun))
	return o
}

// setNext sets the new field in the status of a run, as the later version of Tekton does.
func setNext(t *testing.T, tr *v1.TaskRun, field string) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"`+field+`":{"`+next+`":"kept"}}`))
	if err := shared.client.Status().Patch(t.Context(), tr.DeepCopy(), patch); err != nil {
		t.Fatal(err)
	}
}

// loads returns how often the controller has read the fields of Tekton's kinds.
func loads(t *testing.T) int {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(shared.sluice.dir, "controller.log"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(log), "fields of Tekton's statuses")
}

// upgrade adds the new fields to TaskRuns until the test ends.
func upgrade(t *testing.T) {
	t.Helper()
	shared.strict.Upgrade(".spec."+next, ".status."+next)
	change(t, func(fields map[string]any) { fields[next] = map[string]any{"type": "string"} })
	t.Cleanup(func() {
		change(t, func(fields map[string]any) { delete(fields, next) })
		shared.strict.Upgrade()
	})
}

// change changes the fields of spec and status of TaskRuns in the CustomResourceDefinition. The API server adopts it after a moment.
func change(t *testing.T, edit func(fields map[string]any)) {
	t.Helper()
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	err := poll(context.WithoutCancel(t.Context()), func(ctx context.Context) error { // t.Context has ended in a cleanup
		if err := shared.client.Get(ctx, client.ObjectKey{Name: "taskruns.tekton.dev"}, crd); err != nil {
			return err
		}
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		if err != nil {
			return err
		}
		for _, part := range []string{"spec", "status"} {
			path := []string{"schema", "openAPIV3Schema", "properties", part, "properties"}
			fields, _, err := unstructured.NestedMap(versions[0].(map[string]any), path...)
			if err != nil {
				return err
			}
			edit(fields)
			if err := unstructured.SetNestedMap(versions[0].(map[string]any), fields, path...); err != nil {
				return err
			}
		}
		if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
			return err
		}
		return shared.client.Update(ctx, crd)
	})
	if err != nil {
		t.Fatal(err)
	}
}
