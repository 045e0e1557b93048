package injection_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/testutil/injection"
	"github.com/sluice-ci/sluice/test/testutil/webhook"
)

// TestInjector: the webhook adds its container to each pod, at its place.
func TestInjector(t *testing.T) {
	before := func(ip string) (*injection.Injector, error) {
		return injection.StartBefore(ip, corev1.Container{Name: "mesh"}, corev1.Volume{Name: "state"})
	}
	cases := map[string]struct {
		start func(ip string) (*injection.Injector, error)
		pod   string
		want  string
	}{
		"Beside": {
			start: func(ip string) (*injection.Injector, error) {
				return injection.Start(ip, corev1.Container{Name: "mesh"})
			},
			pod:  `{"spec":{"containers":[{"name":"step"}]}}`,
			want: `[{"op":"add","path":"/spec/containers/-","value":{"name":"mesh","resources":{}}}]`,
		},
		"Before": {
			start: before,
			pod:   `{"spec":{"containers":[{"name":"step"}]}}`,
			want: `[{"op":"add","path":"/spec/initContainers","value":[{"name":"mesh","resources":{}}]},` +
				`{"op":"add","path":"/spec/volumes","value":[{"name":"state"}]}]`,
		},
		"BeforeOthers": {
			start: before,
			pod:   `{"spec":{"volumes":[{"name":"data"}],"initContainers":[{"name":"prepare"}],"containers":[{"name":"step"}]}}`,
			want: `[{"op":"add","path":"/spec/initContainers/0","value":{"name":"mesh","resources":{}}},` +
				`{"op":"add","path":"/spec/volumes/0","value":{"name":"state"}}]`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			injector, err := tc.start("127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(injector.Close)
			hook := injector.Configuration("shop").Webhooks[0]
			if got := hook.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]; got != "shop" {
				t.Errorf("want pods of namespace shop selected, got %q", got)
			}
			response := review(t, webhook.Trusting(hook.ClientConfig), *hook.ClientConfig.URL, tc.pod)
			if !response.Allowed || response.PatchType == nil || *response.PatchType != admissionv1.PatchTypeJSONPatch {
				t.Fatalf("want the pod admitted with a patch, got %v", response)
			}
			if diff := cmp.Diff(tc.want, string(response.Patch)); diff != "" {
				t.Errorf("the patch (-want +got):\n%s", diff)
			}
		})
	}
}

// review asks the webhook about a pod.
func review(t *testing.T, c *http.Client, url, pod string) *admissionv1.AdmissionResponse {
	t.Helper()
	body := strings.NewReader(`{"request":{"uid":"u","object":` + pod + `}}`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var r admissionv1.AdmissionReview
	if err := json.NewDecoder(answer.Body).Decode(&r); err != nil || r.Response == nil {
		t.Fatalf("cannot decode the answer: %v", err)
	}
	return r.Response
}
