package bundles

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	registryv1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/git/gittest"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

const (
	host = "registry.example.com"
	task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: build\n"
)

// server is a registry that requires a user if it is set, and counts requests.
type server struct {
	*httptest.Server

	user, password string
	requests       atomic.Int64
}

func serve(t *testing.T) (*server, *outbound.Network) {
	t.Helper()
	s := &server{}
	store := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		user, password, _ := r.BasicAuth()
		if s.user != "" && (user != s.user || password != s.password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s, gittest.Network(map[string]*httptest.Server{host: s.Server})
}

// push puts an image into the registry, and returns its digest.
func push(t *testing.T, network *outbound.Network, called string, made registryv1.Image) string {
	t.Helper()
	reference, err := name.ParseReference(called)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference, made, remote.WithTransport(network.Transport())); err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func definition(kind, called, content string) Definition {
	return Definition{Entry: Entry{Kind: kind, Name: called, APIVersion: "tekton.dev/v1"}, Content: []byte(content)}
}

func mustImage(t *testing.T, definitions ...Definition) registryv1.Image {
	t.Helper()
	made, err := Image(definitions)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// layered returns an image with one layer of these bytes, for the Task "build".
func layered(t *testing.T, content []byte) registryv1.Image {
	t.Helper()
	made, err := mutate.Append(empty.Image, mutate.Addendum{
		Layer:       static.NewLayer(content, types.OCILayer),
		Annotations: map[string]string{AnnotationKind: "task", AnnotationName: "build", AnnotationAPIVersion: "tekton.dev/v1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// secrets are the Secrets and service accounts of a namespace.
type secrets struct {
	secrets  map[string]*corev1.Secret
	accounts map[string]*corev1.ServiceAccount
}

func (s secrets) Secret(_ context.Context, called string) (*corev1.Secret, error) {
	if secret, ok := s.secrets[called]; ok {
		return secret, nil
	}
	return nil, resolvers.Failed(nil, "cannot read Secret %q: it does not exist", called)
}

func (s secrets) ServiceAccount(_ context.Context, called string) (*corev1.ServiceAccount, error) {
	if account, ok := s.accounts[called]; ok {
		return account, nil
	}
	return nil, resolvers.Failed(nil, "cannot read ServiceAccount %q: it does not exist", called)
}

func request(t *testing.T, settings map[string]string, known secrets, params ...string) *resolvers.Request {
	t.Helper()
	var list []v1.Param
	for _, param := range params {
		key, value, _ := strings.Cut(param, "=")
		list = append(list, v1.Param{Name: key, Value: v1.StringValue(value)})
	}
	p, err := resolvers.NewParams(list)
	if err != nil {
		t.Fatal(err)
	}
	return &resolvers.Request{Namespace: "team", Params: p, Settings: settings, Secrets: known}
}

func resolve(t *testing.T, network *outbound.Network, r *resolvers.Request) (*resolvers.Resource, error) {
	t.Helper()
	plan, err := New(Options{Network: network}).Prepare(t.Context(), r)
	if err != nil {
		return nil, err
	}
	return plan.Fetch(t.Context())
}

func TestFetch(t *testing.T) {
	_, network := serve(t)
	digest := push(t, network, host+"/bundle:v1", mustImage(t, definition("task", "build", task), definition("pipeline", "build", "other")))
	plain := push(t, network, host+"/plain:v1", layered(t, []byte(task)))
	cases := map[string]struct {
		reason    string
		params    []string
		settings  map[string]string
		content   string
		digest    string
		immutable bool
	}{
		"Tag": {
			reason:  "A tag is what the registry has for it now.",
			params:  []string{"bundle=" + host + "/bundle:v1", "name=build", "kind=task"},
			content: task,
			digest:  digest,
		},
		"Digest": {
			reason:    "A digest never changes.",
			params:    []string{"bundle=" + host + "/bundle@" + digest, "name=build", "kind=task"},
			content:   task,
			digest:    digest,
			immutable: true,
		},
		"OtherKind": {
			reason:  "One name for definitions of two kinds.",
			params:  []string{"bundle=" + host + "/bundle:v1", "name=build", "kind=Pipeline"},
			content: "other",
			digest:  digest,
		},
		"DefaultKind": {
			reason:   "The kind of the settings.",
			settings: map[string]string{"default-kind": "task"},
			params:   []string{"bundle=" + host + "/bundle:v1", "name=build"},
			content:  task,
			digest:   digest,
		},
		"Raw": {
			reason:  "A layer that is the definition itself.",
			params:  []string{"bundle=" + host + "/plain:v1", "name=build", "kind=task"},
			content: task,
			digest:  plain,
		},
	}
	for called, tc := range cases {
		t.Run(called, func(t *testing.T) {
			plan, err := New(Options{Network: network}).Prepare(t.Context(), request(t, tc.settings, secrets{}, tc.params...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := plan.Fetch(t.Context())
			if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			if string(got.Content) != tc.content || "sha256:"+got.Source.Digest["sha256"] != tc.digest || plan.Immutable != tc.immutable {
				t.Errorf("%s\nwant %q of %s (immutable: %v), got %q of %v (%v)", tc.reason, tc.content, tc.digest, tc.immutable, got.Content,
					got.Source, plan.Immutable)
			}
			if !strings.HasPrefix(got.Source.URI, host+"/") || strings.ContainsAny(got.Source.URI, "@ ") || got.Source.EntryPoint != "build" {
				t.Errorf("unexpected source %+v", got.Source)
			}
		})
	}
}

func compressed(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	to := gzip.NewWriter(&b)
	if _, err := to.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func archived(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	to := tar.NewWriter(&b)
	for i := range headers {
		if err := to.WriteHeader(&headers[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(make([]byte, headers[i].Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileLayers(t *testing.T) {
	_, network := serve(t)
	cases := map[string]struct {
		reason string
		layer  []byte
		err    string
	}{
		"Bomb": {
			reason: "A small layer with much content is not unpacked whole.",
			layer:  compressed(t, make([]byte, 64<<20)),
			err:    "more than 1048576 bytes",
		},
		"ArchiveBomb": {
			reason: "The size in the archive is not believed.",
			layer:  compressed(t, archived(t, tar.Header{Name: "a", Size: 2 << 20, Typeflag: tar.TypeReg})),
			err:    "more than 1048576 bytes",
		},
		"TooLarge": {
			reason: "Without compression, too.",
			layer:  bytes.Repeat([]byte("a"), 2<<20),
			err:    "more than 1048576 bytes",
		},
		"Link": {
			reason: "A link is no definition.",
			layer:  archived(t, tar.Header{Name: "a", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}),
			err:    "a link or a device",
		},
		"SeveralFiles": {
			reason: "Which of them is the definition would be a guess.",
			layer:  archived(t, tar.Header{Name: "a", Size: 1, Typeflag: tar.TypeReg}, tar.Header{Name: "b", Size: 1, Typeflag: tar.TypeReg}),
			err:    "several files",
		},
		"Damaged": {
			reason: "A broken compression.",
			layer:  []byte{0x1f, 0x8b, 1, 2, 3},
			err:    "damaged",
		},
		"Zstd": {
			reason: "A compression that bundles do not have.",
			layer:  []byte{0x28, 0xb5, 0x2f, 0xfd, 0},
			err:    "zstd",
		},
	}
	for called, tc := range cases {
		t.Run(called, func(t *testing.T) {
			image := host + "/" + strings.ToLower(called) + ":v1"
			push(t, network, image, layered(t, tc.layer))
			_, err := resolve(t, network, request(t, nil, secrets{}, "bundle="+image, "name=build", "kind=task"))
			if err == nil || !strings.Contains(err.Error(), tc.err) || !isFinal(err) {
				t.Errorf("%s\nwant a final error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	_, network := serve(t)
	push(t, network, host+"/bundle:v1", mustImage(t, definition("task", "build", task)))
	many := make([]mutate.Addendum, MaxEntries+1)
	for i := range many {
		many[i] = mutate.Addendum{Layer: static.NewLayer([]byte{byte(i)}, types.OCILayer)}
	}
	crowded, err := mutate.Append(empty.Image, many...)
	if err != nil {
		t.Fatal(err)
	}
	push(t, network, host+"/crowded:v1", crowded)
	bare, err := mutate.Append(empty.Image, many[0])
	if err != nil {
		t.Fatal(err)
	}
	push(t, network, host+"/bare:v1", bare)
	cases := map[string]struct {
		reason string
		params []string
		err    string
	}{
		"NoBundle": {
			reason: "A missing param is named.",
			params: []string{"name=build", "kind=task"},
			err:    `cannot find param "bundle"`,
		},
		"NoName": {
			reason: "A missing param is named.",
			params: []string{"bundle=" + host + "/bundle:v1", "kind=task"},
			err:    `cannot find param "name"`,
		},
		"NoKind": {
			reason: "There is no kind without a setting.",
			params: []string{"bundle=" + host + "/bundle:v1", "name=build"},
			err:    `cannot find param "kind"`,
		},
		"Malformed": {
			reason: "Not an image.",
			params: []string{"bundle=UPPER CASE", "name=build", "kind=task"},
			err:    `cannot use param "bundle"`,
		},
		"Unknown": {
			reason: "What the bundle has is listed.",
			params: []string{"bundle=" + host + "/bundle:v1", "name=test", "kind=task"},
			err:    `it has task "build"`,
		},
		"Missing": {
			reason: "The registry does not have it.",
			params: []string{"bundle=" + host + "/none:v1", "name=build", "kind=task"},
			err:    "does not have it",
		},
		"Crowded": {
			reason: "More layers than the contract permits.",
			params: []string{"bundle=" + host + "/crowded:v1", "name=build", "kind=task"},
			err:    "21 layers, more than the limit of 20",
		},
		"NoBundleAt": {
			reason: "An image that is not a bundle.",
			params: []string{"bundle=" + host + "/bare:v1", "name=build", "kind=task"},
			err:    "layer 1 has no annotation dev.tekton.image.kind",
		},
		"Loopback": {
			reason: "The machine itself is never asked.",
			params: []string{"bundle=127.0.0.1:5000/bundle:v1", "name=build", "kind=task"},
			err:    "127.0.0.1:5000",
		},
	}
	for called, tc := range cases {
		t.Run(called, func(t *testing.T) {
			_, err := resolve(t, network, request(t, nil, secrets{}, tc.params...))
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

func pullSecret(registryHost, user, password string) *corev1.Secret {
	return &corev1.Secret{Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{
		corev1.DockerConfigJsonKey: []byte(`{"auths":{"` + registryHost + `":{"username":"` + user + `","password":"` + password + `"}}}`),
	}}
}

func TestCredentials(t *testing.T) {
	s, network := serve(t)
	push(t, network, host+"/bundle:v1", mustImage(t, definition("task", "build", task)))
	s.user, s.password = "me", "s3cret"
	known := secrets{
		secrets: map[string]*corev1.Secret{
			"pull": pullSecret(host, "me", "s3cret"), "wrong": pullSecret(host, "me", "wr0ng"), "other": pullSecret("other.example.com", "me",
				"s3cret"),
		},
		accounts: map[string]*corev1.ServiceAccount{
			"robot": {ImagePullSecrets: []corev1.LocalObjectReference{{Name: "absent"}, {Name: "pull"}}},
		},
	}
	cases := map[string]struct {
		reason   string
		params   []string
		settings map[string]string
		err      string
	}{
		"Secret": {
			reason: "The Secret of the namespace.",
			params: []string{"secret=pull"},
		},
		"ServiceAccount": {
			reason: "The pull secrets of a service account; a missing one is passed over.",
			params: []string{"serviceAccount=robot"},
		},
		"Default": {
			reason:   "The service account of the settings.",
			settings: map[string]string{"default-service-account": "robot"},
		},
		"Anonymous": {
			reason: "Without credentials the message says what to do.",
			err:    `name a pull secret in param "secret"`,
		},
		"Wrong": {
			reason: "The password is not in the message.",
			params: []string{"secret=wrong"},
			err:    "refuses access",
		},
		"OtherRegistry": {
			reason: "Credentials of another registry are not sent.",
			params: []string{"secret=other"},
			err:    "refuses access",
		},
		"NoSecret": {
			reason: "A Secret that is named must exist.",
			params: []string{"secret=absent"},
			err:    `cannot read Secret "absent"`,
		},
		"NoAccount": {
			reason: "A service account that is named must exist.",
			params: []string{"serviceAccount=absent"},
			err:    `cannot read ServiceAccount "absent"`,
		},
	}
	for called, tc := range cases {
		t.Run(called, func(t *testing.T) {
			params := append([]string{"bundle=" + host + "/bundle:v1", "name=build", "kind=task"}, tc.params...)
			_, err := resolve(t, network, request(t, tc.settings, known, params...))
			switch {
			case tc.err == "" && err != nil:
				t.Errorf("%s\n%v", tc.reason, err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "wr0ng")):
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

// TestWrongDigest: content with another digest than the reference or the manifest says is refused.
func TestWrongDigest(t *testing.T) {
	s, network := serve(t)
	digest := push(t, network, host+"/bundle:v1", mustImage(t, definition("task", "build", task)))
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		inner.ServeHTTP(recorder, r)
		body := recorder.Body.Bytes()
		if strings.Contains(r.URL.Path, "/blobs/") && len(body) > 0 {
			body[len(body)-1] ^= 1
		}
		maps.Copy(w.Header(), recorder.Header())
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(body)
	})
	_, err := resolve(t, network, request(t, nil, secrets{}, "bundle="+host+"/bundle@"+digest, "name=build", "kind=task"))
	if err == nil {
		t.Fatal("want an error for a layer with another digest")
	}
}
