package admission

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/sluice-ci/sluice/internal/validation"
)

// TestPanicRefuses: an object that makes a webhook panic is rejected, and the next request gets a response.
func TestPanicRefuses(t *testing.T) {
	kinds := Kinds{schema.GroupKind{Group: "tekton.dev", Kind: "Task"}: {
		defaulted: func(context.Context, []byte, []byte) (*defaulted, error) { panic("defaults") },
		validated: func(_ context.Context, raw, _ []byte) (validation.Findings, error) {
			if strings.Contains(string(raw), "odd") {
				panic("rules")
			}
			return validation.Findings{}, nil
		},
	}}
	server := webhook.NewServer(webhook.Options{Port: 0, CertDir: t.TempDir()})
	kinds.Register(server)
	served := httptest.NewServer(server.WebhookMux())
	defer served.Close()
	ask := func(path, object string) string {
		review := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1",` +
			`"operation":"CREATE","kind":{"group":"tekton.dev","version":"v1","kind":"Task"},"object":` + object + `}}`
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, served.URL+path, strings.NewReader(review))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var text strings.Builder
		if err := answer.Write(&text); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	for _, tc := range []struct{ path, object, want string }{
		{path: DefaultingPath, object: `{}`, want: `"allowed":false`},
		{path: ValidatingPath, object: `{"metadata":{"name":"odd"}}`, want: `"allowed":false`},
		{path: ValidatingPath, object: `{"metadata":{"name":"plain"}}`, want: `"allowed":true`},
	} {
		if got := ask(tc.path, tc.object); !strings.Contains(got, tc.want) {
			t.Errorf("%s of %s: want %s, got %s", tc.path, tc.object, tc.want, got)
		}
	}
}
