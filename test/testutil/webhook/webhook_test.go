package webhook_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/sluice-ci/sluice/test/testutil/webhook"
)

// TestServe: the server answers at its address with a certificate for it, and each response has the UID of its request.
func TestServe(t *testing.T) {
	server, err := webhook.Serve("127.0.0.1", func(r *admissionv1.AdmissionRequest) admissionv1.AdmissionResponse {
		return admissionv1.AdmissionResponse{Allowed: r.Name == "good"}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	config := webhook.ClientConfig(server)
	for name, tc := range map[string]struct {
		reason string
		body   string
		code   int
		want   string
	}{
		"Allowed": {
			reason: "The review has the kind and the UID of the request.",
			body:   `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","name":"good"}}`,
			code:   http.StatusOK,
			want:   `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"u","allowed":true}}`,
		},
		"Refused": {
			reason: "The answer depends on the request.",
			body:   `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"v","name":"bad"}}`,
			code:   http.StatusOK,
			want:   `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"v","allowed":false}}`,
		},
		"No request": {
			reason: "There is nothing to answer.",
			body:   `{}`,
			code:   http.StatusBadRequest,
			want:   "the review has no request\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, got := post(t, webhook.Trusting(config), *config.URL, tc.body)
			if diff := cmp.Diff(tc.want, got); diff != "" || code != tc.code {
				t.Errorf("%s got status %d, want %d (-want +got):\n%s", tc.reason, code, tc.code, diff)
			}
		})
	}
}

// post sends a body and returns the status and the body of the answer.
func post(t *testing.T, c *http.Client, url, body string) (code int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
