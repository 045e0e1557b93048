package git

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// hosting answers the requests of one service, and refuses others.
type hosting struct {
	// commit and file are the escaped paths, with the query, of the two requests.
	commit, file string
	answer       string
	// authorization is the required header.
	authorization string
}

func (h hosting) start(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != h.authorization {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.RequestURI() {
		case h.commit:
			fmt.Fprint(w, h.answer)
		case h.file:
			fmt.Fprint(w, task)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// services of the test: what the documentation of each API says about the two requests.
func hostings() map[string]hosting {
	return map[string]hosting{
		"github": {
			commit:        "/repos/team/catalog/commits/feature%2Fx",
			answer:        commit,
			file:          "/repos/team/catalog/contents/task/my%20build.yaml?ref=" + commit,
			authorization: "Bearer s3cret",
		},
		"gitlab": {
			commit:        "/api/v4/projects/team%2Fcatalog/repository/commits/feature%2Fx",
			answer:        `{"id":"` + commit + `","short_id":"0123"}`,
			file:          "/api/v4/projects/team%2Fcatalog/repository/files/task%2Fmy%20build.yaml/raw?ref=" + commit,
			authorization: "Bearer s3cret",
		},
		"gitea": {
			commit:        "/api/v1/repos/team/catalog/git/commits/feature%2Fx",
			answer:        `{"sha":"` + commit + `"}`,
			file:          "/api/v1/repos/team/catalog/raw/task/my%20build.yaml?ref=" + commit,
			authorization: "token s3cret",
		},
		"bitbucketcloud": {
			commit:        "/2.0/repositories/team/catalog/commit/feature%2Fx",
			answer:        `{"hash":"` + commit + `"}`,
			file:          "/2.0/repositories/team/catalog/src/" + commit + "/task/my%20build.yaml",
			authorization: "Bearer s3cret",
		},
		"bitbucketserver": {
			commit:        "/rest/api/1.0/projects/team/repos/catalog/commits?limit=1&until=feature%2Fx",
			answer:        `{"values":[{"id":"` + commit + `"}]}`,
			file:          "/rest/api/1.0/projects/team/repos/catalog/raw/task/my%20build.yaml?at=" + commit,
			authorization: "Bearer s3cret",
		},
	}
}

// apiHosts are the hosts of the public APIs, and those of the test for the others.
func apiHosts(s *httptest.Server) *outbound.Network {
	return gittest.Network(map[string]*httptest.Server{"api.github.com": s, "gitlab.com": s, "gitea.com": s, "api.bitbucket.org": s,
		"bb.example.com": s})
}

// TestServices: each service gets the two requests of its API, with the token, and the answer has the commit.
func TestServices(t *testing.T) {
	known := secrets{"token": secret("token", corev1.SecretTypeOpaque, map[string]string{"token": "s3cret"})}
	sources := map[string]string{
		"github": "git+https://github.com/team/catalog.git", "gitlab": "git+https://gitlab.com/team/catalog.git",
		"gitea": "git+https://gitea.com/team/catalog.git", "bitbucketcloud": "git+https://bitbucket.org/team/catalog.git",
		"bitbucketserver": "git+https://bb.example.com/scm/team/catalog.git",
	}
	for name, h := range hostings() {
		t.Run(name, func(t *testing.T) {
			params := []string{"org=team", "repo=catalog", "revision=feature/x", "pathInRepo=task/my build.yaml", "scmType=" + name, "token=token"}
			if name == "bitbucketserver" {
				params = append(params, "serverURL=https://bb.example.com")
			}
			got, err := resolve(t, apiHosts(h.start(t)), request(t, nil, known, params...))
			if err != nil {
				t.Fatalf("%v: %v", err, cause(err))
			}
			if string(got.Content) != task || got.Source.Digest["sha1"] != commit || got.Source.URI != sources[name] {
				t.Errorf("unexpected answer %q of %+v", got.Content, got.Source)
			}
		})
	}
}

// TestAdministratorsToken: the token of the settings is for the server of the settings, in the way that the settings say. No
// reference can send it elsewhere.
func TestAdministratorsToken(t *testing.T) {
	settings := map[string]string{
		keySCMType: "gitlab", keyServerURL: "https://gitlab.example.com", keySecretName: "robot", keySecretNamespace: "ops", keyOrg: "team",
		"second." + keySCMType: "gitea", "second." + keyServerURL: "gitea.example.com", "second." + keySecretName: "other",
		"second." + keySecretKey: "pat",
	}
	var seen atomic.Value
	seen.Store("")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Authorization"))
		fmt.Fprint(w, task)
	}))
	defer server.Close()
	network := gittest.Network(map[string]*httptest.Server{
		"gitlab.example.com": server, "gitea.example.com": server, "thief.example.com": server, "api.github.com": server,
	})
	read := func(_ context.Context, namespace, name string) (*corev1.Secret, error) {
		switch namespace + "/" + name {
		case "ops/robot":
			return secret(name, corev1.SecretTypeOpaque, map[string]string{"token": "first"}), nil
		case "default/other":
			return secret(name, corev1.SecretTypeOpaque, map[string]string{"pat": "second"}), nil
		}
		return nil, fmt.Errorf("unexpected Secret %s/%s", namespace, name)
	}
	known := secrets{"mine": secret("mine", corev1.SecretTypeOpaque, map[string]string{"token": "mine"})}
	cases := map[string]struct {
		reason string
		params []string
		sent   string
		err    string
	}{
		"Standard": {
			reason: "The configuration without a name.",
			sent:   "Bearer first",
		},
		"Second": {
			reason: "Another one.",
			params: []string{"configKey=second", "org=team"},
			sent:   "token second",
		},
		"SameServer": {
			reason: "The server of the settings, given once more.",
			params: []string{"serverURL=https://gitlab.example.com/"},
			sent:   "Bearer first",
		},
		"OwnToken": {
			reason: "The token of the namespace goes where the reference says.",
			params: []string{"serverURL=https://thief.example.com", "token=mine"},
			sent:   "Bearer mine",
		},
		"OtherServer": {
			reason: "The administrator's token does not.",
			params: []string{"serverURL=https://thief.example.com"},
			err:    "is for another server",
		},
		"OtherKind": {
			reason: "Nor in another way.",
			params: []string{"scmType=gitea"},
			err:    "is for another server",
		},
		"OtherPort": {
			reason: "Another port is another server.",
			params: []string{"serverURL=https://gitlab.example.com:8443"},
			err:    "is for another server",
		},
		"Unconfigured": {
			reason: "A configuration that does not exist.",
			params: []string{"configKey=third"},
			err:    "no key with the prefix",
		},
		"Dot": {
			reason: "A name with a dot would read other keys.",
			params: []string{"configKey=second.x"},
			err:    "without a dot",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			seen.Store("")
			params := append([]string{"repo=catalog", "revision=" + commit, "pathInRepo=task.yaml"}, tc.params...)
			plan, err := New(Options{Network: network, Secret: read}).Prepare(t.Context(), request(t, settings, known, params...))
			if err == nil {
				_, err = plan.Fetch(t.Context())
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || seen.Load() != "" {
					t.Errorf("%s\nwant error %q and no request, got %v, %q", tc.reason, tc.err, err, seen.Load())
				}
				return
			}
			if err != nil || seen.Load() != tc.sent {
				t.Errorf("%s\nwant %q sent, got %q, %v", tc.reason, tc.sent, seen.Load(), err)
			}
		})
	}
}

// TestNamesOfAPIs: no name leads to another place of an API.
func TestNamesOfAPIs(t *testing.T) {
	cases := map[string]struct {
		reason string
		params []string
		err    string
	}{
		"Parent": {
			reason: "Not to the parent.",
			params: []string{"org=..", "repo=catalog"},
			err:    `cannot use param "org"`,
		},
		"Inner": {
			reason: "Not to another repository.",
			params: []string{"org=team", "repo=../other/secret"},
			err:    `cannot use param "repo"`,
		},
		"Groups": {
			reason: "Groups are GitLab's.",
			params: []string{"org=a/b", "repo=catalog"},
			err:    "only GitLab has groups",
		},
		"NoOrg": {
			reason: "The owner is needed.",
			params: []string{"repo=catalog"},
			err:    `cannot find param "org"`,
		},
		"Both": {
			reason: "One of two ways.",
			params: []string{"org=a", "repo=b", "url=https://git.example.com/a.git"},
			err:    "together",
		},
		"Type": {
			reason: "A service that is not known.",
			params: []string{"org=a", "repo=b", "scmType=svn"},
			err:    `cannot use param "scmType"`,
		},
		"NoServer": {
			reason: "There is no public server of this kind.",
			params: []string{"org=a", "repo=b", "scmType=bitbucketserver"},
			err:    "has no public server",
		},
		"UserInfo": {
			reason: "No credentials in an address.",
			params: []string{"org=a", "repo=b", "serverURL=https://me:s3cret@git.example.com"},
			err:    "it holds credentials",
		},
		"TokenOfURL": {
			reason: "A token of one way is not ignored in the other.",
			params: []string{"url=https://git.example.com/a.git", "token=x"},
			err:    `without param "repo"`,
		},
		"GitToken": {
			reason: "Nor the other way round.",
			params: []string{"org=a", "repo=b", "gitToken=x"},
			err:    `cannot use param "gitToken"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			params := append([]string{"revision=main", "pathInRepo=task.yaml"}, tc.params...)
			_, err := New(Options{}).Prepare(t.Context(), request(t, nil, secrets{}, params...))
			if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

// TestAPIsOfServers: the URL of an API follows from the URL of a server, which may be that of the API already.
func TestAPIsOfServers(t *testing.T) {
	cases := map[string]struct {
		service service
		server  string
		want    string
	}{
		"GitHub": {
			service: github(),
			want:    "https://api.github.com",
		},
		"GitHubByAPI": {
			service: github(),
			server:  "https://api.github.com",
			want:    "https://api.github.com",
		},
		"GitHubEnterprise": {
			service: github(),
			server:  "https://ghe.example.com",
			want:    "https://ghe.example.com/api/v3",
		},
		"GitHubByPath": {
			service: github(),
			server:  "https://ghe.example.com/api/v3/",
			want:    "https://ghe.example.com/api/v3",
		},
		"GitLab": {
			service: gitlab(),
			server:  "gitlab.example.com",
			want:    "https://gitlab.example.com/api/v4",
		},
		"GitLabBelowAPath": {
			service: gitlab(),
			server:  "https://example.com/gitlab",
			want:    "https://example.com/gitlab/api/v4",
		},
		"Gitea": {
			service: gitea(),
			server:  "https://gitea.example.com",
			want:    "https://gitea.example.com/api/v1",
		},
		"BitbucketCloud": {
			service: bitbucketCloud(),
			want:    "https://api.bitbucket.org/2.0",
		},
		"BitbucketServer": {
			service: bitbucketServer(),
			server:  "https://bb.example.com",
			want:    "https://bb.example.com/rest/api/1.0",
		},
		"ServerInUpperCase": {
			service: gitlab(),
			server:  "https://GitLab.Example.com",
			want:    "https://gitlab.example.com/api/v4",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server, err := tc.service.parseServer(tc.server)
			if err != nil {
				t.Fatal(err)
			}
			got := tc.service.api(server)
			if got.String() != tc.want {
				t.Errorf("want %s, got %s", tc.want, got)
			}
		})
	}
}

// TestAPIFailures: an answer that is no success says what to do, and repeats nothing of the answer.
func TestAPIFailures(t *testing.T) {
	cases := map[string]struct {
		reason  string
		status  int
		header  map[string]string
		body    string
		err     string
		retries bool
	}{
		"Missing": {
			reason: "Public or private is not known.",
			status: http.StatusNotFound,
			body:   "s3cret",
			err:    "does not have it, or it is private",
		},
		"Limit": {
			reason:  "GitHub's limit of requests passes.",
			status:  http.StatusForbidden,
			header:  map[string]string{"X-RateLimit-Remaining": "0"},
			err:     "permits no more requests",
			retries: true,
		},
		"Down": {
			reason:  "A server that fails may recover.",
			status:  http.StatusBadGateway,
			body:    "s3cret",
			err:     "cannot answer now",
			retries: true,
		},
		"Large": {
			reason: "A file beyond the limit.",
			status: http.StatusOK,
			body:   strings.Repeat("a", resolvers.MaxContent+1),
			err:    "more than 1048576 bytes",
		},
		"LFS": {
			reason: "A pointer is no definition.",
			status: http.StatusOK,
			body:   "version https://git-lfs.github.com/spec/v1\n",
			err:    "git LFS",
		},
		"Redirect": {
			reason: "Not to another host.",
			status: http.StatusFound,
			header: map[string]string{"Location": "https://thief.example.com/"},
			err:    "redirects to another host",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for key, value := range tc.header {
					w.Header().Set(key, value)
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			}))
			defer server.Close()
			_, err := resolve(t, apiHosts(server), request(t, nil, nil, "org=team", "repo=catalog", "revision="+commit, "pathInRepo=task.yaml"))
			failed, ok := errors.AsType[*resolvers.Error](err)
			if !ok || !strings.Contains(err.Error(), tc.err) || failed.Retry != tc.retries || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s\nwant an error with %q (retry: %v), got %v", tc.reason, tc.err, tc.retries, err)
			}
		})
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<html>s3cret`) }))
	defer server.Close()
	_, err := resolve(t, apiHosts(server), request(t, nil, nil, "org=team", "repo=catalog", "revision=main", "pathInRepo=task.yaml",
		"scmType=gitlab"))
	if err == nil || !strings.Contains(err.Error(), `correct param "scmType"`) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("want an error about the kind of the server, got %v", err)
	}
}
