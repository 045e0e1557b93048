package review

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestReview sends reviews as the API server does.
func TestReview(t *testing.T) {
	task := func(version, step string) string {
		return `{"apiVersion":"tekton.dev/` + version + `","kind":"Task","metadata":{"name":"a"},"spec":{"steps":[` + step + `]}}`
	}
	request := func(version string, objects ...string) string {
		return `{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{"uid":"u","desiredAPIVersion":"tekton.dev/` +
			version + `","objects":[` + strings.Join(objects, ",") + `]}}`
	}
	cases := map[string]struct {
		reason  string
		body    string
		want    []string
		message string
		uid     string
	}{
		"Older": {
			reason: "the objects of a list keep their order, and one that has the version already stays",
			body: request("v1", task("v1beta1", `{"resources":{}}`), task("v1", `{"image":"i"}`),
				task("v1beta1", `{"name":"c"}`)),
			want: []string{task("v1", `{"computeResources":{}}`), task("v1", `{"image":"i"}`), task("v1", `{"name":"c"}`)},
			uid:  "u",
		},
		"Newer": {
			reason: "a client of v1beta1 reads an object of v1",
			body:   request("v1beta1", task("v1", `{"computeResources":{}}`)),
			want:   []string{task("v1beta1", `{"resources":{}}`)},
			uid:    "u",
		},
		"None": {
			reason: "a review of nothing succeeds",
			body:   request("v1"),
			uid:    "u",
		},
		"OtherKind": {
			reason:  "the API server gets no part of the objects if one fails",
			body:    request("v1", task("v1beta1", ""), `{"apiVersion":"tekton.dev/v1beta1","kind":"Other"}`),
			message: `cannot convert object 2 of 2: cannot convert kind "Other"`,
			uid:     "u",
		},
		"Large": {
			reason:  "an object that cannot be stored must not take memory",
			body:    request("v1", task("v1beta1", `{"script":"`+strings.Repeat("a", MaxObject)+`"}`)),
			message: "more than the limit of 2097152",
			uid:     "u",
		},
		"OtherMessage": {
			reason:  "another message is named",
			body:    `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u"}}`,
			message: "it is no ConversionReview of apiextensions.k8s.io/v1",
		},
		"NoMessage": {
			reason:  "a body that is no JSON is reported",
			body:    "x",
			message: "cannot read the review",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			Handler{}.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, Path, strings.NewReader(tc.body)))
			var answer Review
			if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil || answer.Response == nil {
				t.Fatalf("want a review, got %q, %v", recorder.Body, err)
			}
			if answer.APIVersion != apiVersion || answer.Kind != kind || answer.Response.UID != tc.uid {
				t.Errorf("want the review %q, got %+v", tc.uid, answer)
			}
			result := answer.Response.Result
			if tc.message != "" {
				if result.Status != Failure || !strings.Contains(result.Message, tc.message) || len(answer.Response.ConvertedObjects) > 0 {
					t.Errorf("%s: want %q, got %+v", tc.reason, tc.message, answer.Response)
				}
				return
			}
			if result.Status != Success || len(answer.Response.ConvertedObjects) != len(tc.want) {
				t.Fatalf("%s: want %d objects, got %+v", tc.reason, len(tc.want), answer.Response)
			}
			for i, want := range tc.want {
				if got := string(answer.Response.ConvertedObjects[i]); got != want {
					t.Errorf("%s: object %d: want %s, got %s", tc.reason, i, want, got)
				}
			}
		})
	}
}
