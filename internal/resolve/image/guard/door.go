package guard

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/sluice-ci/sluice/internal/budget"
)

const (
	// maxHops is the maximum number of redirects of one request.
	maxHops = 3
	// maxRequests is the maximum number of requests of one lookup: an index of 64 platforms needs two for each, and some for
	// tokens.
	maxRequests = 256
	// maxTotal is the maximum number of bytes of all responses of one lookup.
	maxTotal = 32 << 20
)

// ErrTooMuch means that one lookup needs more requests or bytes than permitted.
var ErrTooMuch = errors.New("the lookup needs more than 256 requests, or more than 32 MiB")

// RequestError is a request that is not sent, and the rule that forbids it. It is for the log.
type RequestError struct{ Rule, URL string }

// Error implements error.
func (e *RequestError) Error() string { return fmt.Sprintf("refused request to %s: %s", e.URL, e.Rule) }

// Registry is the registry of a lookup.
type Registry struct {
	// Host is the host of the registry, with the port if its name has one.
	Host string
	// Plain means that the administrator has configured HTTP for it.
	Plain bool
}

// Door checks the requests of one lookup in one registry, and passes permitted ones to the network.
type Door struct {
	registry Registry
	named    Hosts
	next     http.RoundTripper
	memory   *budget.Lease
	requests atomic.Int64
	bytes    atomic.Int64
	proven   atomic.Bool
}

// NewDoor returns a Door for one lookup. Named are the hosts that the administrator has named. Memory is the lookup's part of
// the memory for large responses. The caller ends it.
func NewDoor(next http.RoundTripper, registry Registry, named Hosts, memory *budget.Lease) *Door {
	d := &Door{registry: registry, named: named, next: next, memory: memory}
	d.proven.Store(named.Has(withPort(&url.URL{Scheme: registry.scheme(), Host: registry.Host})))
	return d
}

func (r Registry) scheme() string {
	if r.Plain {
		return "http"
	}
	return "https"
}

// Proven reports whether the host has responded as a registry, or is one that the administrator has named.
func (d *Door) Proven() bool { return d.proven.Load() }

// RoundTrip implements http.RoundTripper.
func (d *Door) RoundTrip(request *http.Request) (*http.Response, error) {
	if rule := d.forbids(request); rule != "" {
		return nil, &RequestError{Rule: rule, URL: request.URL.Redacted()}
	}
	if d.requests.Add(1) > maxRequests {
		return nil, ErrTooMuch
	}
	if redirected(request) && !d.own(request.URL) {
		// A storage behind the registry has signed links. No credentials must be sent to it.
		request = request.Clone(request.Context())
		request.Header.Del("Authorization")
		request.Header.Del("Cookie")
	}
	answer, err := d.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if d.own(request.URL) && speaks(answer) {
		d.proven.Store(true)
	}
	answer.Body = d.bound(answer)
	return answer, nil
}

// forbids returns the rule that forbids a request, or "".
func (d *Door) forbids(request *http.Request) string {
	u := request.URL
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && d.registry.Plain && d.own(u)):
		return "only HTTPS is used"
	case u.User != nil:
		return "the address holds credentials"
	case !d.own(u) && d.named.Has(withPort(u)):
		return "the host is the mirror of another registry, or a registry that a setting names"
	case request.Method == http.MethodPost && !Related(u.Hostname(), d.hostname()):
		return "an identity token is sent to the registry's domain only"
	case request.Method != http.MethodGet && request.Method != http.MethodHead && request.Method != http.MethodPost:
		return "only GET, HEAD, and POST for tokens are used"
	case redirected(request):
		return d.forbidsRedirect(request)
	default:
		return ""
	}
}

// forbidsRedirect returns the rule that forbids a redirect, or "".
func (d *Door) forbidsRedirect(request *http.Request) string {
	first, hops := request, 0
	for ; redirected(first); first = first.Response.Request {
		hops++
	}
	from := request.Response.Request.URL
	switch {
	case hops > maxHops:
		return "too many redirects"
	case request.Method == http.MethodPost:
		return "a token request is redirected"
	case from.Scheme == request.URL.Scheme && from.Host == request.URL.Host:
		return ""
	case from.Scheme != request.URL.Scheme:
		return "the redirect leads to another scheme"
	case d.own(first.URL) && request.Method == http.MethodGet && strings.Contains(first.URL.Path, "/blobs/"):
		return "" // registries keep blobs in cloud storages
	case d.own(first.URL) && redirects(d.registry.Host, request.URL.Hostname()):
		return ""
	default:
		return "the redirect leads to another host"
	}
}

// redirects reports whether a registry is known to have no manifests, but to redirect to this host. Of the public registries
// only registry.k8s.io does that: it redirects to Google's Artifact Registry.
func redirects(registry, host string) bool {
	return registry == "registry.k8s.io" && strings.HasSuffix(host, ".pkg.dev")
}

func redirected(request *http.Request) bool {
	return request.Response != nil && request.Response.Request != nil
}

// own reports whether a URL is on the registry's host.
func (d *Door) own(u *url.URL) bool {
	return withPort(u) == withPort(&url.URL{Scheme: u.Scheme, Host: d.registry.Host})
}

func (d *Door) hostname() string { return (&url.URL{Host: d.registry.Host}).Hostname() }

// speaks reports whether a response is from a registry: it names the API, or requests a token as only registries do.
func speaks(answer *http.Response) bool {
	if strings.HasPrefix(answer.Header.Get("Docker-Distribution-Api-Version"), "registry/2") {
		return true
	}
	challenge := strings.ToLower(answer.Header.Get("WWW-Authenticate"))
	return answer.StatusCode == http.StatusUnauthorized && strings.HasPrefix(challenge, "bearer ") && strings.Contains(challenge, "realm=")
}
