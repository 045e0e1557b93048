//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// setUntilEnd sets keys of a ConfigMap of the installation, which exists and does not have them, until the test ends.
func setUntilEnd(t *testing.T, configMap string, data map[string]string) {
	t.Helper()
	set, unset := map[string]any{}, map[string]any{}
	for key, value := range data {
		set[key], unset[key] = value, nil
	}
	patch := func(ctx context.Context, data map[string]any) error {
		text, err := json.Marshal(map[string]any{"data": data})
		if err != nil {
			return err
		}
		settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: installation, Name: configMap}}
		return shared.client.Patch(ctx, settings, client.RawPatch(types.MergePatchType, text))
	}
	if err := patch(t.Context(), set); err != nil {
		t.Fatalf("cannot change ConfigMap %q: %v", configMap, err)
	}
	t.Cleanup(func() {
		if err := patch(context.Background(), unset); err != nil {
			t.Errorf("cannot restore ConfigMap %q: %v", configMap, err)
		}
	})
}
