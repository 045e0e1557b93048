package auth

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	testingclock "k8s.io/utils/clock/testing"
)

// apiServer knows the token "good", whose user may read /metrics and nothing else.
func apiServer(t *testing.T, away bool) Judge {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", func(w http.ResponseWriter, r *http.Request) {
		review := &authenticationv1.TokenReview{}
		decode(t, r, review)
		if review.Spec.Token != "unknown" {
			review.Status.Authenticated = true
			review.Status.User = authenticationv1.UserInfo{
				Username: review.Spec.Token, Groups: []string{"scrapers"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}},
			}
		}
		encode(t, w, review)
	})
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", func(w http.ResponseWriter, r *http.Request) {
		review := &authorizationv1.SubjectAccessReview{}
		decode(t, r, review)
		asked := review.Spec
		review.Status.Allowed = asked.User == "good" && asked.Groups[0] == "scrapers" && asked.Extra["k"][0] == "v" &&
			asked.NonResourceAttributes.Path == "/metrics" && asked.NonResourceAttributes.Verb == "get"
		encode(t, w, review)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	if away {
		server.Close()
	}
	judge, err := NewKubernetes(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return judge
}

func decode(t *testing.T, r *http.Request, into any) {
	t.Helper()
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		t.Errorf("cannot decode review: %v", err)
	}
}

func encode(t *testing.T, w http.ResponseWriter, review any) {
	t.Helper()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		t.Errorf("cannot encode review: %v", err)
	}
}

func TestHandler(t *testing.T) {
	cases := map[string]struct {
		reason, authorization, path string
		away                        bool
		want                        int
	}{
		"Allowed":     {"who may, does", "Bearer good", "/metrics", false, http.StatusOK},
		"LowerCase":   {"the word Bearer is no secret", "bearer good", "/metrics", false, http.StatusOK},
		"Nobody":      {"no token, no metrics", "", "/metrics", false, http.StatusUnauthorized},
		"Empty":       {"an empty token is none", "Bearer ", "/metrics", false, http.StatusUnauthorized},
		"OtherScheme": {"a password is no token", "Basic good", "/metrics", false, http.StatusUnauthorized},
		"Unknown":     {"a token that the API server does not know", "Bearer unknown", "/metrics", false, http.StatusUnauthorized},
		"Forbidden":   {"a user without the right", "Bearer other", "/metrics", false, http.StatusForbidden},
		"OtherPath":   {"a right is for a path", "Bearer good", "/debug/pprof/", false, http.StatusForbidden},
		"Away":        {"in doubt, no", "Bearer good", "/metrics", true, http.StatusInternalServerError},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			served := false
			handler := New(apiServer(t, tc.away), logr.Discard(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				served = true
				_, _ = io.WriteString(w, "up 1")
			}))
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, http.NoBody)
			request.Header.Set("Authorization", tc.authorization)
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != tc.want || served != (tc.want == http.StatusOK) {
				t.Errorf("%s: want %d, got %d (served: %v): %s", tc.reason, tc.want, answer.Code, served, answer.Body)
			}
		})
	}
}

// TestRemember: a scrape every second is not a review every second, a no is asked anew, and a yes does not live for ever.
func TestRemember(t *testing.T) {
	asked, allowed := 0, false
	clock := testingclock.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	judge := Remember(JudgeFn(func(context.Context, string, string) (Verdict, error) {
		asked++
		return Verdict{User: "u", Allowed: allowed}, nil
	}), clock)
	ask := func(token, path string, want bool, after int) {
		t.Helper()
		got, err := judge.Verdict(t.Context(), token, path)
		if err != nil || got.Allowed != want || asked != after {
			t.Errorf("token %q, path %q: want allowed=%v after %d reviews, got %+v after %d, %v", token, path, want, after, got, asked, err)
		}
	}
	ask("a", "/metrics", false, 1)
	ask("a", "/metrics", false, 2)
	allowed = true
	ask("a", "/metrics", true, 3)
	ask("a", "/metrics", true, 3)
	ask("b", "/metrics", true, 4)
	ask("a", "/other", true, 5)
	allowed = false
	ask("a", "/metrics", true, 5)
	clock.SetTime(clock.Now().Add(memory))
	ask("a", "/metrics", false, 6)
	allowed = true
	for range maxRemembered + 1 {
		_, _ = judge.Verdict(t.Context(), string(rune(asked)), "/metrics")
	}
	ask("b", "/metrics", true, asked+1)
}
