package guard

import (
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Hosts is a set of hosts with ports.
type Hosts map[string]bool

// Add adds the host of a URL.
func (h Hosts) Add(u *url.URL) { h[withPort(u)] = true }

// Has reports whether the set contains a host and port, in the form HOST:PORT.
func (h Hosts) Has(address string) bool { return h[strings.ToLower(address)] }

// withPort returns the host and port to which a request for u is sent.
func withPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}

// Related reports whether two hosts belong to one owner: they are the same, or both are below one registered domain, such as
// registry.example.com and auth.example.com.
func Related(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if a == b {
		return true
	}
	one, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil || net.ParseIP(a) != nil || net.ParseIP(b) != nil {
		return false
	}
	other, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && one == other
}
