// Package outbound makes the HTTP clients of resolvers. Users choose the hosts, so a client connects only to public addresses
// over HTTPS, unless the administrator has permitted others. A client sends requests to one host only, also after a redirect,
// and reads a limited number of bytes.
package outbound

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"

	// The program's image has no CA certificates. These are Mozilla's. They are used only if the machine has none, so a
	// mounted /etc/ssl/certs or SSL_CERT_FILE replaces them.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// Options are what the administrator permits. The zero value permits HTTPS to public addresses.
type Options struct {
	// Private are the private networks in which hosts may be.
	Private []netip.Prefix
	// Insecure are the hosts, as HOST or HOST:PORT, that may be used over HTTP. They may have any address.
	Insecure []string
	// Machine makes connections; the zero value is the network of this machine.
	Machine guard.Network
	// TLS has the certificates to trust; nil means those of the machine.
	TLS *tls.Config
}

// Network makes clients. They share connections. It is safe for concurrent use.
type Network struct {
	dialer    *guard.Dialer
	transport http.RoundTripper
	insecure  guard.Hosts
}

// New returns a Network.
func New(o Options) *Network {
	if o.Machine.Connect == nil {
		o.Machine = guard.Machine()
	}
	insecure := guard.Hosts{}
	for _, host := range o.Insecure {
		for _, scheme := range []string{schemePlain, schemeTLS} {
			insecure.Add(&url.URL{Scheme: scheme, Host: host})
		}
	}
	dialer := guard.NewDialer(guard.Addresses{Private: o.Private}, insecure, o.Machine)
	transport := guard.NewTransport(dialer)
	transport.TLSClientConfig = o.TLS
	return &Network{dialer: dialer, transport: transport, insecure: insecure}
}

const (
	schemeTLS   = "https"
	schemePlain = "http"
)

// CheckInsecure returns an error for a text that is not HOST or HOST:PORT.
func CheckInsecure(text string) error {
	if u, err := url.Parse("http://" + text); err != nil || u.Host != text || u.Hostname() == "" || strings.HasSuffix(text, ":") {
		return fmt.Errorf("cannot use insecure host %q: want HOST or HOST:PORT, such as git.example.com:8080", text)
	}
	return nil
}

// DialContext connects to a host and port at a permitted address, for protocols other than HTTP.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.dialer.DialContext(ctx, network, address)
}

// Transport connects to permitted addresses, without the other rules of a client. Its user must limit hosts, redirects,
// schemes and bytes.
func (n *Network) Transport() http.RoundTripper { return n.transport }

// Insecure returns the hosts that may be used over HTTP, with their ports.
func (n *Network) Insecure() guard.Hosts { return n.insecure }

// Limits are the limits of one client.
type Limits struct {
	// Bytes is the maximum number of bytes of all its responses.
	Bytes int64
	// Requests is the maximum number of its requests, with redirects; 0 means 16.
	Requests int64
	// Counted reports that the user of the client counts the memory of its responses itself.
	Counted bool
}

// maxHops is the maximum number of redirects of one request.
const maxHops = 3

// Client returns a client for one fetch. It sends requests only to the scheme, host and port of origin. Its errors are for
// Explain.
func (n *Network) Client(origin *url.URL, limits Limits) *http.Client {
	if limits.Requests == 0 {
		limits.Requests = 16
	}
	return &http.Client{
		Transport: &door{network: n, origin: place(origin), limits: limits},
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			if len(via) > maxHops {
				return &guard.RequestError{Rule: ruleHops, URL: request.URL.Redacted()}
			}
			return nil
		},
	}
}

// place returns the scheme, host and port of a URL.
func place(u *url.URL) string {
	return u.Scheme + "://" + address(u)
}

// address returns the host and port to which a request for u is sent.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{schemePlain: "80", schemeTLS: "443"}[u.Scheme]
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}
