package image

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

// internet is a network of hosts with public names and addresses, each of which is a server on the loopback address. It
// replaces resolving and connecting only: the rules between the two are those of the controller.
type internet struct {
	mu sync.Mutex
	// names have addresses, the next one each time that they are resolved; the last one stays.
	names map[string][]string
	// servers by address and port.
	servers map[string]string
	// connected are the addresses that were connected to.
	connected []string
	requests  []string
	// private networks that may be asked.
	private []netip.Prefix
}

func newInternet() *internet {
	return &internet{names: map[string][]string{}, servers: map[string]string{}}
}

// serve lets a handler answer at a name by HTTPS.
func (n *internet) serve(t *testing.T, host, address string, handler http.HandlerFunc) {
	t.Helper()
	n.listen(t, host, address, handler, true)
}

func (n *internet) listen(t *testing.T, host, address string, handler http.HandlerFunc, secure bool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.requests = append(n.requests, strings.TrimSpace(r.Method+" "+host+r.URL.Path+" "+r.Header.Get("Authorization")))
		n.mu.Unlock()
		handler(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if server.Start(); secure {
		server.Close()
		server = httptest.NewUnstartedServer(server.Config.Handler)
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	n.names[host] = []string{address}
	n.servers[address+":443"] = server.Listener.Addr().String()
}

func (n *internet) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.names[host]
	if len(known) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(known) > 1 {
		n.names[host] = known[1:]
	}
	return []netip.Addr{netip.MustParseAddr(known[0])}, nil
}

func (n *internet) connect(ctx context.Context, to netip.AddrPort, check func(string) error) (net.Conn, error) {
	if check != nil {
		if err := check(to.String()); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	n.connected = append(n.connected, to.String())
	server, ok := n.servers[to.String()]
	n.mu.Unlock()
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", server)
}

// transport is the controller's on this network. The servers' certificates are not in question here.
func (n *internet) transport(t *testing.T) http.RoundTripper {
	t.Helper()
	transport := guard.NewTransport(guard.NewDialer(guard.Addresses{Private: n.private}, guard.Hosts{}, guard.Network{
		Resolve: n.resolve,
		Connect: n.connect,
	}))
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// touched returns the addresses that were connected to but for these.
func (n *internet) touched(but ...string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.connected), func(address string) bool {
		return slices.Contains(but, address)
	})
}

func (n *internet) asked(method, host string) (requests []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.requests {
		if strings.HasPrefix(r, method+" "+host) {
			requests = append(requests, r)
		}
	}
	return requests
}

// shelf is a registry of one image, whose answers are what a test makes them.
type shelf struct {
	// index and manifest are what the tag 1 means, each with its type.
	mediaType, manifest string
	blobs               map[string]string
	// blob answers for blobs instead.
	blob http.HandlerFunc
	// head is the digest in the header; empty for the correct one.
	head string
}

func digested(content string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(content))) }

// holding is a registry whose image has this configuration.
func holding(config string) *shelf {
	return &shelf{
		mediaType: string(types.DockerManifestSchema2),
		manifest:  fmt.Sprintf(`{"mediaType":%q,"config":{"digest":%q}}`, types.DockerManifestSchema2, digested(config)),
		blobs:     map[string]string{digested(config): config},
	}
}

const good = `{"os":"linux","config":{"Entrypoint":["one"]}}`

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	_, identifier, _ := strings.Cut(r.URL.Path, "/manifests/")
	switch {
	case r.URL.Path == "/v2/":
	case strings.Contains(r.URL.Path, "/manifests/") && (identifier == "1" || strings.HasPrefix(identifier, "sha256:")):
		w.Header().Set("Content-Type", s.mediaType)
		w.Header().Set("Docker-Content-Digest", digested(s.manifest))
		if s.head != "" {
			w.Header().Set("Docker-Content-Digest", s.head)
		}
		_, _ = io.WriteString(w, s.manifest)
	case strings.Contains(r.URL.Path, "/blobs/") && s.blob != nil:
		s.blob(w, r)
	case strings.Contains(r.URL.Path, "/blobs/"):
		_, _ = io.WriteString(w, s.blobs[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]])
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
