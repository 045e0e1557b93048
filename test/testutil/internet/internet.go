// Package internet is a network of hosts with public names and addresses for tests. Each host is a server on the loopback
// address. It replaces only the resolving of names and the connecting: the rules between the two are those of the program.
package internet

import (
	"context"
	"crypto/tls"
	"errors"
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

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

// Internet is a network.
type Internet struct {
	mu sync.Mutex
	// names have addresses, the next one each time that they are resolved; the last one stays.
	names     map[string][]string
	servers   map[string]string
	connected []string
	requests  []string
}

// New returns a network without hosts.
func New() *Internet { return &Internet{names: map[string][]string{}, servers: map[string]string{}} }

// Serve makes a handler answer over HTTPS at a name with an address.
func (n *Internet) Serve(t *testing.T, host, address string, handler http.HandlerFunc) {
	t.Helper()
	n.listen(t, host, address, handler, true)
}

// ServePlain makes a handler answer over HTTP at a name with an address.
func (n *Internet) ServePlain(t *testing.T, host, address string, handler http.HandlerFunc) {
	t.Helper()
	n.listen(t, host, address, handler, false)
}

func (n *Internet) listen(t *testing.T, host, address string, handler http.HandlerFunc, secure bool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.requests = append(n.requests, strings.TrimSpace(r.Method+" "+host+r.URL.RequestURI()+" "+r.Header.Get("Authorization")))
		n.mu.Unlock()
		handler(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	port := ":80"
	if secure {
		port = ":443"
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	n.Name(host, address)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[address+port] = server.Listener.Addr().String()
}

// Name gives a host these addresses, one after the other, each time that it is resolved. The last one stays.
func (n *Internet) Name(host string, addresses ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[host] = addresses
}

// Machine returns the network for guard.NewDialer.
func (n *Internet) Machine() guard.Network {
	return guard.Network{Resolve: n.resolve, Connect: n.connect}
}

// TLS returns a configuration that accepts the certificates of all hosts.
func (*Internet) TLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

func (n *Internet) resolve(_ context.Context, host string) ([]netip.Addr, error) {
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

func (n *Internet) connect(ctx context.Context, to netip.AddrPort, check func(string) error) (net.Conn, error) {
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

// Connected returns the addresses, with their ports, that were connected to.
func (n *Internet) Connected() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.connected)
}

// Requests returns the requests that arrived, such as "GET example.com/path Basic …".
func (n *Internet) Requests() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests)
}
