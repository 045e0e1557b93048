package objectsize

import (
	"encoding/json"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// managed is an entry of managed fields that lists n params.
func managed(n int) metav1.ManagedFieldsEntry {
	fields := map[string]any{}
	for i := range n {
		fields[fmt.Sprintf(`k:{"name":"p%d"}`, i)] = map[string]any{
			".":       map[string]any{},
			"f:name":  map[string]any{},
			"f:value": map[string]any{},
		}
	}
	raw, _ := json.Marshal(map[string]any{"f:spec": map[string]any{"f:params": fields}}) // maps of maps can always be encoded
	return metav1.ManagedFieldsEntry{
		Manager:    "kubectl-create",
		Operation:  "Update",
		APIVersion: "tekton.dev/v1",
		FieldsType: "FieldsV1",
		FieldsV1:   metav1.NewFieldsV1(string(raw)),
	}
}

// TestStored: an object takes the same bytes whether a cache has dropped its managed fields or not. 9,000 params have half a
// megabyte of them.
func TestStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "run"}}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			pr.ManagedFields = append(pr.ManagedFields, managed(rapid.IntRange(0, 200).Draw(t, "params")))
		}
		whole, fields := Encoded(pr), ManagedFields(pr)
		for range 2 { // a cache may be given what it has trimmed before
			TrimManagedFields(pr)
		}
		if got := Stored(pr); got != whole {
			t.Fatalf("want %d bytes, got %d", whole, got)
		}
		if got := ManagedFields(pr); got != fields {
			t.Fatalf("want %d bytes of managed fields, got %d", fields, got)
		}
		if got := Encoded(pr.ManagedFields); len(pr.ManagedFields) > 0 && got > 100 {
			t.Fatalf("want the managed fields dropped, got %d bytes", got)
		}
	})
	if got := Encoded([]metav1.ManagedFieldsEntry{managed(9000)}); got < 400_000 {
		t.Errorf("the managed fields of 9,000 params are known to be large, got %d bytes", got)
	}
}
