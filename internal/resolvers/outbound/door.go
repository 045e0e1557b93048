package outbound

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

// The rules of requests. They are the parts of messages for users.
const (
	ruleScheme   = "only HTTPS is used; an administrator can permit HTTP for this host with --insecure-host"
	ruleMethod   = "only GET, HEAD and POST are used"
	ruleRedirect = "it redirects to another host; give the address to which it redirects"
	ruleHost     = "the answer leads to another host"
	ruleHops     = "it redirects more than 3 times"
	ruleRequests = "it needs too many requests"
	ruleEncoding = "it sends compressed content, which is not accepted"
	ruleUserInfo = "the address holds credentials; give them in a Secret"
)

// ErrBusy means that the responses of other clients take the memory for them.
var ErrBusy = errors.New("other responses use the memory for them")

const (
	// FreeBytes is the number of bytes of the responses of one client that do not count for the memory of all clients. Most
	// definitions are smaller, so large responses delay no other client.
	FreeBytes = 256 << 10
	// Copies is the maximum number of copies of a response in memory: its buffer doubles while it grows, and then it is decoded.
	Copies = 3
	// memoryStep is the number of bytes by which responses increase their part of the memory.
	memoryStep = 256 << 10
)

// memoryKey is the key of the lease in a context.
type memoryKey struct{}

// WithMemory makes the responses to requests with this context take their memory from a lease. Without one it has no limit
// other than that of each client.
func WithMemory(ctx context.Context, lease *budget.Lease) context.Context {
	return context.WithValue(ctx, memoryKey{}, lease)
}

// ErrTooLarge means that the responses of a client exceed its limit.
var ErrTooLarge = errors.New("the responses exceed the limit")

// door checks the requests of one client, and passes permitted ones to the network.
type door struct {
	network  *Network
	origin   string
	limits   Limits
	requests atomic.Int64
	bytes    atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (d *door) RoundTrip(request *http.Request) (*http.Response, error) {
	if rule := d.forbids(request); rule != "" {
		return nil, &guard.RequestError{Rule: rule, URL: request.URL.Redacted()}
	}
	if d.requests.Add(1) > d.limits.Requests {
		return nil, &guard.RequestError{Rule: ruleRequests, URL: request.URL.Redacted()}
	}
	answer, err := d.network.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if encoding := answer.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		_ = answer.Body.Close()
		return nil, &guard.RequestError{Rule: ruleEncoding, URL: request.URL.Redacted()}
	}
	limited := &body{ReadCloser: answer.Body, door: d}
	if lease, ok := request.Context().Value(memoryKey{}).(*budget.Lease); ok && !d.limits.Counted {
		limited.lease = lease
	}
	answer.Body = limited
	return answer, nil
}

// forbids returns the rule that forbids a request, or "".
func (d *door) forbids(request *http.Request) string {
	u := request.URL
	switch {
	case place(u) != d.origin && request.Response != nil:
		return ruleRedirect
	case place(u) != d.origin:
		return ruleHost
	case u.Scheme != schemeTLS && !(u.Scheme == schemePlain && d.network.insecure.Has(address(u))):
		return ruleScheme
	case u.User != nil:
		return ruleUserInfo
	case request.Method != http.MethodGet && request.Method != http.MethodHead && request.Method != http.MethodPost:
		return ruleMethod
	default:
		return ""
	}
}

// body limits the bytes of the responses of one client.
type body struct {
	io.ReadCloser

	door *door
	// lease is the memory of the responses; nil if it is not counted here.
	lease *budget.Lease
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	// One byte above the limit distinguishes a response that is too large from one that just fits.
	left := b.door.limits.Bytes + 1 - b.door.bytes.Load()
	if left <= 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := b.ReadCloser.Read(p)
	read := b.door.bytes.Add(int64(n))
	if read > b.door.limits.Bytes {
		return 0, ErrTooLarge
	}
	if read > FreeBytes && !b.lease.Grow(Copies*((read-FreeBytes)/memoryStep+1)*memoryStep) {
		return 0, ErrBusy
	}
	return n, err
}
