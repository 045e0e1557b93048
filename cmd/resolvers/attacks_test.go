package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/bundles"
	"github.com/sluice-ci/sluice/internal/resolvers/cluster"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/resolvers/git"
	"github.com/sluice-ci/sluice/internal/resolvers/hub"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/internal/resolvers/web"
	"github.com/sluice-ci/sluice/test/testutil/internet"
	"github.com/sluice-ci/sluice/test/testutil/resolving"
)

const (
	evil     = "evil.example.com"
	public   = "93.184.216.34"
	inside   = "inside.example.com"
	loopback = "127.0.0.1"
)

// references returns references to a hostile host, at least one for each resolver that connects to hosts.
func references() map[string][]v1.Param {
	return map[string][]v1.Param{
		web.Type:               resolving.Params(map[string]string{"url": "https://" + evil + "/task.yaml"}),
		hub.Type:               resolving.Params(map[string]string{"name": "task", "version": "1.0.0", "url": "https://" + evil}),
		hub.Type + " versions": resolving.Params(map[string]string{"name": "task", "version": ">= 1.0.0", "url": "https://" + evil}),
		git.Type: resolving.Params(map[string]string{
			"url": "https://" + evil + "/team/tasks.git", "revision": "main", "pathInRepo": "task.yaml",
		}),
		git.Type + " api": resolving.Params(map[string]string{
			"scmType": "gitea", "serverURL": "https://" + evil, "org": "team", "repo": "tasks", "revision": "main", "pathInRepo": "task.yaml",
		}),
		bundles.Type: resolving.Params(map[string]string{"bundle": evil + "/team/tasks:v1", "kind": "task", "name": "task"}),
	}
}

// attack is what the host does with each request.
type attack struct {
	reason  string
	handler http.HandlerFunc
	// moved makes the name of the host lead inside after it was resolved once.
	moved bool
}

func attacks() map[string]attack {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
	}
	return map[string]attack{
		"Redirect": {
			reason:  "A host must not choose where the program goes.",
			handler: redirect("https://" + inside + "/latest/meta-data"),
		},
		"RedirectToAnAddress": {
			reason:  "Nor by an address.",
			handler: redirect("https://169.254.169.254/latest/meta-data"),
		},
		"RedirectWithoutTLS": {
			reason:  "Nor without TLS.",
			handler: redirect("http://" + evil + "/"),
		},
		"RedirectForever": {
			reason:  "The number of requests is limited.",
			handler: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"/x", http.StatusFound) },
		},
		"Rebinding": {
			reason: "A name that leads inside after the first connection is checked again.",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "close")
				w.Header().Set("WWW-Authenticate", `Bearer realm="https://`+evil+`/token",service="x"`)
				w.WriteHeader(http.StatusUnauthorized)
			},
			moved: true,
		},
		"Endless": {
			reason: "Responses have a limit.",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				line := bytes.Repeat([]byte("x: y\n"), 1<<12)
				for {
					if _, err := w.Write(line); err != nil {
						return
					}
				}
			},
		},
		"Compressed": {
			reason: "A small compressed response can be a large one.",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = io.WriteString(w, "\x1f\x8b")
			},
		},
		"Tarpit": {
			reason:  "A host that never answers ends with the timeout of the fetch.",
			handler: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		},
		"DeepYAML": {
			reason:  "What is deep is refused before it is decoded.",
			handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("[", 100_000)) },
		},
		"AliasesInYAML": {
			reason: "Aliases count as copies.",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				text := "apiVersion: tekton.dev/v1\nkind: Task\na0: &a0 [" + strings.Repeat("x, ", 7) + "x]\n"
				for i, name := range []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"} {
					before := "*a" + string(rune('0'+i))
					text += name + ": &" + name + " [" + strings.Repeat(before+", ", 9) + before + "]\n"
				}
				_, _ = io.WriteString(w, text)
			},
		},
		"Garbage": {
			reason: "What is not a definition is refused.",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(bytes.Repeat([]byte{0, 0xff, '\n', '{'}, 1000))
			},
		},
	}
}

// TestAttacksOnEachResolver: whatever a host does, each resolver refuses it, and connects to no other place. A resolver that is
// added needs a reference here.
func TestAttacksOnEachResolver(t *testing.T) {
	built := map[string]bool{}
	for name := range references() {
		resolver, _, _ := strings.Cut(name, " ")
		built[resolver] = true
	}
	for _, name := range types() {
		if name != cluster.Type && !built[name] {
			t.Errorf("resolver %q connects to hosts, and has no reference in this test", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(references())) {
		for attacked, a := range attacks() {
			t.Run(strings.ReplaceAll(name, " ", "-")+"/"+attacked, func(t *testing.T) {
				resolver, _, _ := strings.Cut(name, " ")
				refuses(t, resolver, references()[name], a)
			})
		}
	}
}

// refuses checks that a fetch from a hostile host fails, and that no other place was connected to.
func refuses(t *testing.T, resolver string, params []v1.Param, a attack) {
	t.Helper()
	world := internet.New()
	world.Serve(t, evil, public, a.handler)
	world.Serve(t, inside, "10.0.0.1", func(http.ResponseWriter, *http.Request) {})
	if a.moved {
		world.Name(evil, public, loopback)
	}
	_, err := fetch(t, outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()}), resolver, params)
	if _, ok := errors.AsType[*resolvers.Error](err); !ok {
		t.Errorf("%s\nwant an error for users, got %v", a.reason, err)
	}
	for _, to := range world.Connected() {
		if to != public+":443" {
			t.Errorf("%s\nwant connections to the host only, got one to %s", a.reason, to)
		}
	}
	if len(world.Connected()) == 0 {
		t.Errorf("want a connection to the host, got none: %v", err)
	}
}

// fetch fetches a definition as the program does, through the pool.
func fetch(t *testing.T, network *outbound.Network, resolver string, params []v1.Param) (*resolvers.Resource, error) {
	t.Helper()
	known, err := resolvers.NewParams(params)
	if err != nil {
		t.Fatal(err)
	}
	limits := func() dispatch.Limits { return dispatch.Limits{MaxEntries: 1, TTL: time.Minute} }
	pool := dispatch.NewPool(dispatch.NewCache(limits, time.Now), dispatch.Options{})
	for _, one := range all() {
		if one.spec.Type != resolver {
			continue
		}
		plan, err := one.build(network, nil, nil).Prepare(t.Context(),
			&resolvers.Request{Namespace: "team", Params: known, Secrets: resolving.Secrets{}})
		if err != nil {
			t.Fatal(err)
		}
		// The timeout is short, so that a host that never answers does not delay the test.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		found, release, err := pool.Do(ctx, dispatch.Job{Resolver: resolver, Namespace: "team", Timeout: time.Second, Plan: plan})
		release()
		return found, err
	}
	return nil, fmt.Errorf("no resolver %q", resolver)
}
