package endpoint

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// reviewer is an API server that knows the tokens "reader" and "other". The user "reader", in the group "scrapers", may
// read /metrics; no user may do more.
func reviewer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", func(w http.ResponseWriter, r *http.Request) {
		answer(t, w, r, func(review *authenticationv1.TokenReview) {
			token := review.Spec.Token
			review.Status.Authenticated = token == "reader" || token == "other"
			review.Status.User = authenticationv1.UserInfo{Username: token, Groups: []string{"scrapers"}}
		})
	})
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", func(w http.ResponseWriter, r *http.Request) {
		answer(t, w, r, func(review *authorizationv1.SubjectAccessReview) {
			asked := review.Spec
			review.Status.Allowed = asked.User == "reader" && slices.Contains(asked.Groups, "scrapers") &&
				asked.NonResourceAttributes.Path == "/metrics" && asked.NonResourceAttributes.Verb == "get"
		})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// answer decodes a review, lets fill complete it, and sends it back.
func answer[R any](t *testing.T, w http.ResponseWriter, r *http.Request, fill func(*R)) {
	t.Helper()
	review := new(R)
	if err := json.NewDecoder(r.Body).Decode(review); err != nil {
		t.Errorf("cannot decode review: %v", err)
	}
	fill(review)
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		t.Errorf("cannot encode review: %v", err)
	}
}

func TestSecureMetricsNeedAToken(t *testing.T) {
	api := reviewer(t)
	config := &rest.Config{Host: api.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	filter, err := (&Flags{secure: true}).Server().FilterProvider(config, api.Client())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := filter(logr.Discard(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason, method, path, authorization string
		want                                int
	}{
		"Allowed": {
			reason:        "The user may get the path.",
			authorization: "Bearer reader",
			want:          http.StatusOK,
		},
		"NoToken": {
			reason: "Without a token the user is unknown.",
			want:   http.StatusUnauthorized,
		},
		"EmptyToken": {
			reason:        "An empty token is none.",
			authorization: "Bearer ",
			want:          http.StatusUnauthorized,
		},
		"Password": {
			reason:        "A password is not a token.",
			authorization: "Basic reader",
			want:          http.StatusUnauthorized,
		},
		"UnknownToken": {
			reason:        "The API server does not know the token; the filter treats that as a failed review.",
			authorization: "Bearer unknown",
			want:          http.StatusInternalServerError,
		},
		"OtherUser": {
			reason:        "The user has no right.",
			authorization: "Bearer other",
			want:          http.StatusForbidden,
		},
		"OtherPath": {
			reason:        "The right is for one path.",
			path:          "/debug",
			authorization: "Bearer reader",
			want:          http.StatusForbidden,
		},
		"OtherMethod": {
			reason:        "The right is to read.",
			method:        http.MethodPost,
			authorization: "Bearer reader",
			want:          http.StatusForbidden,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), cmp.Or(tc.method, http.MethodGet), cmp.Or(tc.path, "/metrics"), http.NoBody)
			if tc.authorization != "" {
				request.Header.Set("Authorization", tc.authorization)
			}
			response := httptest.NewRecorder()
			handler.ServeHTTP(response, request)
			if response.Code != tc.want {
				t.Errorf("%s: want status %d, got %d", tc.reason, tc.want, response.Code)
			}
		})
	}
}
