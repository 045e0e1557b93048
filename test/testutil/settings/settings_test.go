package settings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sluice-ci/sluice/test/testutil/settings"
)

// TestUntilEnd: during the test the keys have the new values, and after it the ConfigMap is as before.
func TestUntilEnd(t *testing.T) {
	cases := map[string]struct {
		reason string
		// before and during are the data of the ConfigMap; nil: it does not exist.
		before, during map[string]string
	}{
		"Missing": {
			reason: "it is created, and deleted",
			during: map[string]string{"a": "new", "b": "new"},
		},
		"Empty": {
			reason: "the keys are added, and removed",
			before: map[string]string{},
			during: map[string]string{"a": "new", "b": "new"},
		},
		"Others": {
			reason: "one key has another value, and a further one stays",
			before: map[string]string{"a": "old", "c": "old"},
			during: map[string]string{"a": "new", "b": "new", "c": "old"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			key := client.ObjectKey{Namespace: "tekton-pipelines", Name: "config-events"}
			c := fake.NewClientBuilder().Build()
			if tc.before != nil {
				cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Data: tc.before}
				if err := c.Create(t.Context(), cm); err != nil {
					t.Fatal(err)
				}
			}
			check := func(t *testing.T, when string, want map[string]string) {
				t.Helper()
				var cm corev1.ConfigMap
				err := c.Get(t.Context(), key, &cm)
				if want == nil && !apierrors.IsNotFound(err) || want != nil && err != nil {
					t.Fatalf("%s: %s: got %v", tc.reason, when, err)
				}
				if len(want)+len(cm.Data) > 0 && !cmp.Equal(want, cm.Data) {
					t.Errorf("%s: %s (-want +got):\n%s", tc.reason, when, cmp.Diff(want, cm.Data))
				}
			}
			t.Run("Test", func(t *testing.T) {
				settings.UntilEnd(t, c, key.Namespace, key.Name, map[string]string{"a": "new", "b": "new"})
				check(t, "during the test", tc.during)
			})
			check(t, "after the test", tc.before)
		})
	}
}
