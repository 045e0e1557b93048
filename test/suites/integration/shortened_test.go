//go:build integration

package integration

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial"
)

// TestMarkIsNotStored: the API server stores no mark of a shortened object, whatever a client sends. Otherwise a user could set a mark,
// and the controller would refuse to write the run.
func TestMarkIsNotStored(t *testing.T) {
	run := taskRun(newNamespace(t), "marked")
	partial.FinishedTaskRun.Put(run)
	create(t, run)
	writes := map[string]func(o *v1.TaskRun) error{
		"Create": func(*v1.TaskRun) error { return nil },
		"Update": func(o *v1.TaskRun) error { return shared.client.Update(t.Context(), o) },
		"Status": func(o *v1.TaskRun) error { return shared.client.Status().Update(t.Context(), o) },
		"Patch": func(o *v1.TaskRun) error {
			return shared.client.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, marked()))
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			stored := &v1.TaskRun{}
			if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(run), stored); err != nil {
				t.Fatal(err)
			}
			if stored.GetSelfLink() != "" {
				t.Errorf("want no link before, got %q", stored.GetSelfLink())
			}
			stored.Labels = map[string]string{"write": name} // without a change, the API server stores nothing
			partial.FinishedTaskRun.Put(stored)
			if err := write(stored); err != nil {
				t.Fatal(err)
			}
			after := &v1.TaskRun{}
			if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(run), after); err != nil || after.GetSelfLink() != "" {
				t.Errorf("want no link, got %q, %v", after.GetSelfLink(), err)
			}
		})
	}
}

// marked is a patch that sets a mark and a label.
func marked() []byte {
	return []byte(`{"metadata":{"labels":{"write":"patch"},"selfLink":"` + string(partial.FinishedTaskRun) + `"}}`)
}
