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

// TestInjector: the webhook adds its container at the end of the containers of each pod. Its configuration selects the namespace.
func TestInjector(t *testing.T) {
	injector, err := injection.Start("127.0.0.1", injection.Endless("mesh"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(injector.Close)
	hook := injector.Configuration("shop").Webhooks[0]
	if got := hook.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]; got != "shop" {
		t.Errorf("want pods of namespace shop selected, got %q", got)
	}
	response := review(t, webhook.Trusting(hook.ClientConfig), *hook.ClientConfig.URL)
	if !response.Allowed || response.PatchType == nil || *response.PatchType != admissionv1.PatchTypeJSONPatch {
		t.Fatalf("want the pod admitted with a patch, got %v", response)
	}
	var patch []struct {
		Op    string           `json:"op"`
		Path  string           `json:"path"`
		Value corev1.Container `json:"value"`
	}
	if err := json.Unmarshal(response.Patch, &patch); err != nil || len(patch) != 1 {
		t.Fatalf("want a patch of one operation, got %s: %v", response.Patch, err)
	}
	if patch[0].Op != "add" || patch[0].Path != "/spec/containers/-" {
		t.Errorf("want a container added at the end, got %q at %q", patch[0].Op, patch[0].Path)
	}
	if diff := cmp.Diff(injection.Endless("mesh"), patch[0].Value); diff != "" {
		t.Errorf("the container (-want +got):\n%s", diff)
	}
}

// review asks the webhook about a pod.
func review(t *testing.T, c *http.Client, url string) *admissionv1.AdmissionResponse {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"request":{"uid":"u"}}`))
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
