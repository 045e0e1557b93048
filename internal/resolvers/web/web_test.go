package web_test

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/internal/resolvers/web"
	"github.com/sluice-ci/sluice/test/testutil/internet"
	"github.com/sluice-ci/sluice/test/testutil/resolving"
)

const task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\n"

// page answers at example.com: a definition for all, and one for a user with a password.
func page(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	switch {
	case r.URL.Path == "/task.yaml":
		_, _ = io.WriteString(w, task)
	case r.URL.Path == "/private.yaml" && user == "builder" && password == "s3cret":
		_, _ = io.WriteString(w, task)
	case r.URL.Path == "/private.yaml":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/large.yaml":
		_, _ = io.WriteString(w, strings.Repeat("x", resolvers.MaxContent+1))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func TestHTTPResolver(t *testing.T) {
	login := map[string]string{"http-username": "builder", "http-password-secret": "login"}
	cases := map[string]struct {
		reason string
		params map[string]string
		// says is in the message; empty: the definition is read.
		says string
	}{
		"Public": {
			reason: "A URL is read.",
			params: map[string]string{"url": "https://example.com/task.yaml"},
		},
		"Login": {
			reason: "The password is that of the Secret; a line feed at its end is that of an editor.",
			params: with(login, "url", "https://example.com/private.yaml"),
		},
		"SecretKey": {
			reason: "Another key can be named.",
			params: with(login, "url", "https://example.com/private.yaml", "http-password-secret-key", "token"),
		},
		"NoLogin": {
			reason: "Without a login the host refuses.",
			params: map[string]string{"url": "https://example.com/private.yaml"},
			says:   `host "example.com" refuses access (status 401)`,
		},
		"UserOnly": {
			reason: "A user without a password is a mistake.",
			params: map[string]string{"url": "https://example.com/task.yaml", "http-username": "builder"},
			says:   `params "http-username" and "http-password-secret" belong together`,
		},
		"NoSuchKey": {
			reason: "The key is named.",
			params: with(login, "url", "https://example.com/private.yaml", "http-password-secret-key", "absent"),
			says:   `Secret "login" has no key "absent"`,
		},
		"NoSuchSecret": {
			reason: "The Secret is named.",
			params: map[string]string{"url": "https://example.com/task.yaml", "http-username": "builder", "http-password-secret": "absent"},
			says:   `cannot read Secret "absent"`,
		},
		"NotFound": {
			reason: "The host is named.",
			params: map[string]string{"url": "https://example.com/absent.yaml"},
			says:   `host "example.com" does not have it (status 404)`,
		},
		"Large": {
			reason: "A definition has a limit.",
			params: map[string]string{"url": "https://example.com/large.yaml"},
			says:   "more than 1048576 bytes, the limit",
		},
		"NoURL": {
			reason: "The missing param is named.",
			says:   `cannot find param "url"`,
		},
		"File": {
			reason: "Files of the program are no definitions.",
			params: map[string]string{"url": "file:///etc/passwd"},
			says:   `cannot use param "url" "file:///etc/passwd"`,
		},
		"UnknownParam": {
			reason: "A param that the resolver does not have has no effect, as in Tekton.",
			params: map[string]string{"url": "https://example.com/task.yaml", "http-user": "x"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			world := internet.New()
			world.Serve(t, "example.com", "93.184.216.34", page)
			resolver := web.New(outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()}))
			_, resource, err := resolving.Call(t.Context(), resolver, resolving.Params(tc.params), nil, resolving.Secrets{
				"login": {"password": "s3cret\n", "token": "s3cret"},
			})
			if tc.says != "" {
				if err == nil || !strings.Contains(err.Error(), tc.says) {
					t.Fatalf("%s\nwant error with %q, got %v", tc.reason, tc.says, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s\nunexpected error %v", tc.reason, err)
			}
			if string(resource.Content) != task || resource.Source.URI != tc.params["url"] || len(resource.Source.Digest["sha256"]) != 64 {
				t.Errorf("%s\ngot %q from %v", tc.reason, resource.Content, resource.Source)
			}
		})
	}
}

func with(params map[string]string, more ...string) map[string]string {
	all := maps.Clone(params)
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// TestPasswordIsSentToItsHostOnly: a redirect does not carry a password to another host.
func TestPasswordIsSentToItsHostOnly(t *testing.T) {
	world := internet.New()
	world.Serve(t, "example.com", "93.184.216.34", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example.com/", http.StatusFound)
	})
	world.Serve(t, "evil.example.com", "93.184.216.35", page)
	resolver := web.New(outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()}))
	_, _, err := resolving.Call(t.Context(), resolver, resolving.Params(map[string]string{
		"url": "https://example.com/task.yaml", "http-username": "builder", "http-password-secret": "login",
	}), nil, resolving.Secrets{"login": {"password": "s3cret"}})
	if err == nil || !strings.Contains(err.Error(), "it redirects to another host") {
		t.Errorf("want a refusal, got %v", err)
	}
	for _, request := range world.Requests() {
		if strings.Contains(request, "evil.example.com") {
			t.Errorf("the other host got %q", request)
		}
	}
}
