package sidecarlogs

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestRefusalNamesTheCommand: the message about a missing right has the commands that grant it to this controller. Beside Tekton it has
// another service account, and the manifests of the repository would grant the right to the wrong one.
func TestRefusalNamesTheCommand(t *testing.T) {
	cases := map[string]struct {
		beside    bool
		namespace string
		want      []string
		mustNot   string
	}{
		"Alone": {
			namespace: "ci",
			want: []string{
				"kubectl apply -f config/enable-log-access-to-controller/,",
				"kubectl apply -n ci -f config/enable-log-access-to-controller/namespaced/",
			},
			mustNot: "beside",
		},
		"AloneEverywhere": {
			namespace: corev1.NamespaceAll,
			want:      []string{"kubectl apply -f config/enable-log-access-to-controller/"},
			mustNot:   "beside",
		},
		"Beside": {
			beside:    true,
			namespace: "ci",
			want: []string{
				"sluice install --beside-tekton --results-from sidecar-logs,",
				"sluice install --beside-tekton --results-from sidecar-logs --namespaced -n ci",
			},
			mustNot: "kubectl",
		},
		"BesideEverywhere": {
			beside:    true,
			namespace: corev1.NamespaceAll,
			want:      []string{"sluice install --beside-tekton --results-from sidecar-logs"},
			mustNot:   "kubectl",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			never := LogAccessFn(func(context.Context, string) (bool, error) { return false, nil })
			refused, err := New(nil, never).Beside(tc.beside).CheckAccess(t.Context(), tc.namespace)
			if err != nil || refused == nil {
				t.Fatalf("want a refusal, got %v, %v", refused, err)
			}
			for _, part := range tc.want {
				if !strings.Contains(refused.Message, part) {
					t.Errorf("the message must have %q: %s", part, refused.Message)
				}
			}
			if strings.Contains(refused.Message, tc.mustNot) {
				t.Errorf("the message must not have %q: %s", tc.mustNot, refused.Message)
			}
		})
	}
}
