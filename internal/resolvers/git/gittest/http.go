package gittest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/cgi" //nolint:gosec // The server is for tests, and has no Proxy header.
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// Host is the host of all servers of this package.
const Host = "git.example.com"

// Public is the address of Host: a public one, so that the rules of the guarded network permit it.
var Public = netip.MustParseAddr("93.184.216.34") //nolint:gochecknoglobals // a constant in all but syntax

// Server serves the repositories of a folder over HTTPS.
type Server struct {
	*httptest.Server

	// Packs counts the requests for a pack.
	Packs atomic.Int64
	// Requests counts all requests.
	Requests atomic.Int64
	// Seen are the values of the header Authorization that the server has seen last.
	Seen atomic.Value
	// User and Password are required if they are not empty.
	User, Password string
}

// Serve starts a server. It ends with the test.
func Serve(t *testing.T, root string) *Server {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(output)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null"},
	}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Requests.Add(1)
		s.Seen.Store(r.Header.Get("Authorization"))
		if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			s.Packs.Add(1)
		}
		user, password, _ := r.BasicAuth()
		if s.Password != "" && (user != s.User || password != s.Password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// Network returns a guarded network in which hosts are the given servers, at public addresses. Connections to an address
// that the rules forbid fail as in production.
func Network(servers map[string]*httptest.Server) *outbound.Network {
	roots := x509.NewCertPool()
	for _, s := range servers {
		if s.Certificate() != nil {
			roots.AddCert(s.Certificate())
		}
	}
	addresses := map[string]string{}
	for host, s := range servers {
		addresses[host] = s.Listener.Addr().String()
	}
	return NetworkTo(addresses, &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12})
}

// NetworkTo returns a guarded network in which hosts lead to listeners of this machine.
func NetworkTo(addresses map[string]string, config *tls.Config) *outbound.Network {
	byAddress := map[netip.Addr]string{}
	byHost := map[string]netip.Addr{}
	next := Public
	for host, listener := range addresses {
		byHost[host], byAddress[next] = next, listener
		next = next.Next()
	}
	return outbound.New(outbound.Options{TLS: config, Machine: guard.Network{
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if addr, ok := byHost[host]; ok {
				return []netip.Addr{addr}, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		},
		Connect: func(ctx context.Context, to netip.AddrPort, check func(address string) error) (net.Conn, error) {
			if check != nil {
				if err := check(to.String()); err != nil {
					return nil, err
				}
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", byAddress[to.Addr()])
		},
	}})
}
