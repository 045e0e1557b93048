package image

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// server is a registry on the loopback address that remembers what it was asked for.
type server struct {
	host string
	// user and password are asked for unless user is empty.
	user, password string
	// answer is what is answered instead, unless it is nil or returns false.
	answer func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	listening := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		s.mu.Unlock()
		if user, password, _ := r.BasicAuth(); s.user != "" && (user != s.user || password != s.password) {
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if s.answer == nil || !s.answer(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	listening.Config.ErrorLog = log.New(io.Discard, "", 0)
	listening.Start()
	t.Cleanup(listening.Close)
	s.host = strings.TrimPrefix(listening.URL, "http://")
	return s
}

// image pushes an image and returns its name.
func (s *server) image(t *testing.T, called string, image v1.Image) string {
	t.Helper()
	ref := s.reference(t, called)
	if err := remote.Write(ref, image, s.auth()); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

// index pushes an index and returns its name.
func (s *server) index(t *testing.T, called string, index v1.ImageIndex) string {
	t.Helper()
	ref := s.reference(t, called)
	if err := remote.WriteIndex(ref, index, s.auth()); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

func (s *server) reference(t *testing.T, called string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(s.host+"/"+called, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (s *server) auth() remote.Option {
	return remote.WithAuth(&authn.Basic{Username: s.user, Password: s.password})
}

// asked returns the requests since the last call, without the first greetings.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.DeleteFunc(s.requests, func(r string) bool { return strings.HasPrefix(r, "GET /v2/?") || r == "GET /v2/" })
	s.requests = nil
	return all
}

// running makes an image that runs something.
func running(t *testing.T, entrypoint, cmd []string) v1.Image {
	t.Helper()
	return configured(t, v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: v1.Config{Entrypoint: entrypoint, Cmd: cmd}})
}

func configured(t *testing.T, config v1.ConfigFile) v1.Image {
	t.Helper()
	image, err := mutate.ConfigFile(empty.Image, &config)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// platforms makes an index of images by platform.
func platforms(t *testing.T, images map[string]v1.Image) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for platform, image := range images {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p}})
	}
	return index
}

// options let a Lookup ask the server, which has neither TLS nor a public address, as a setting of the controller does.
func (s *server) options() Options { return Options{Insecure: []string{s.host}} }

// lookup makes a Lookup on a cluster with the objects.
func lookup(o Options, objects ...client.Object) *Lookup {
	return New(fake.NewClientBuilder().WithObjects(objects...).Build(), o)
}

func digestOf(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func mirror(t *testing.T, text string) Mirror {
	t.Helper()
	m, err := ParseMirror(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// roundTripFunc is a transport that is a function.
type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// unreachable is a network on which only the given hosts respond.
func unreachable(err error, but ...string) http.RoundTripper {
	return roundTripFunc(func(r *http.Request) (*http.Response, error) {
		if slices.Contains(but, r.URL.Host) {
			return http.DefaultTransport.RoundTrip(r)
		}
		return nil, err
	})
}
