// Package settings changes the settings of an installation for the time of a test.
package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// patience bounds the requests after a test, whose own context has ended.
const patience = time.Minute

// UntilEnd sets keys of a ConfigMap until the test ends. Then they have their earlier values, and keys that were new are gone. It creates a
// ConfigMap that does not exist, and deletes it at the end.
func UntilEnd(tb testing.TB, c client.Client, namespace, name string, data map[string]string) {
	tb.Helper()
	undo, err := set(tb.Context(), c, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, data)
	if err != nil {
		tb.Fatalf("cannot change ConfigMap %q in namespace %q: %v", name, namespace, err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := undo(ctx); err != nil {
			tb.Errorf("cannot restore ConfigMap %q in namespace %q: %v", name, namespace, err)
		}
	})
}

// set sets keys of a ConfigMap, and returns what undoes it.
func set(ctx context.Context, c client.Client, cm *corev1.ConfigMap, data map[string]string) (undo func(context.Context) error, err error) {
	err = c.Get(ctx, client.ObjectKeyFromObject(cm), cm)
	if apierrors.IsNotFound(err) {
		cm.Data = data
		return func(ctx context.Context) error { return client.IgnoreNotFound(c.Delete(ctx, cm)) }, c.Create(ctx, cm)
	}
	if err != nil {
		return nil, err
	}
	before, after := map[string]any{}, map[string]any{}
	for key, value := range data {
		before[key], after[key] = nil, value
		if old, ok := cm.Data[key]; ok {
			before[key] = old
		}
	}
	patch := func(ctx context.Context, values map[string]any) error {
		text, err := json.Marshal(map[string]any{"data": values})
		if err != nil {
			return fmt.Errorf("cannot encode settings: %w", err)
		}
		return c.Patch(ctx, cm, client.RawPatch(types.MergePatchType, text))
	}
	return func(ctx context.Context) error { return patch(ctx, before) }, patch(ctx, after)
}
