// Package endpoint is the endpoint for metrics of the controller and of the resolvers: its flags, and how it is served.
package endpoint

import (
	"crypto/tls"
	"flag"
	"fmt"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// Flags are the flags of an endpoint.
type Flags struct {
	address string
	secure  bool
	certDir string
}

// Bind declares the flags on flags.
func (f *Flags) Bind(flags *flag.FlagSet) {
	flags.StringVar(&f.address, "metrics-bind-address", "127.0.0.1:9090", "address to serve metrics on; 0: do not serve them")
	flags.BoolVar(&f.secure, "metrics-secure", false,
		"serve metrics over TLS and require a token that may GET /metrics; otherwise serve them unauthenticated")
	flags.StringVar(&f.certDir, "metrics-cert-dir", "",
		"folder with tls.crt and tls.key for the metrics endpoint; empty: use a self-signed certificate")
}

// Server returns how metrics are served: without TLS and without a check, or over TLS with a TokenReview and a
// SubjectAccessReview for each request (docs/design/0015-metrics-filter.md).
func (f *Flags) Server() server.Options {
	if !f.secure {
		return server.Options{BindAddress: f.address}
	}
	secure := server.Options{BindAddress: f.address, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization}
	if f.certDir != "" {
		secure.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.GetCertificate = certificateIn(f.certDir) }}
	}
	return secure
}

// certificateIn reads the certificate for each connection, because another program may write it after the start and
// replace it at any time. Connections for metrics are few.
func certificateIn(dir string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
		if err != nil {
			return nil, fmt.Errorf("cannot load certificate for metrics: %w", err)
		}
		return &pair, nil
	}
}
