package outbound

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// maxHost is the maximum number of bytes of a host in a message.
const maxHost = 260

// Explain returns the error for users of a request that had no answer. All failures to connect have one message, so that
// requests cannot scan the network of the program.
func Explain(err error, host string, limits Limits) *resolvers.Error {
	host = fmt.Sprintf("%q", truncate.Text(host, maxHost))
	var already *resolvers.Error
	var refused *guard.RequestError
	var address *guard.AddressError
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &refused):
		return resolvers.Failed(err, "cannot use host %s: %s", host, refused.Rule)
	case errors.As(err, &address):
		return resolvers.Failed(err, "cannot use host %s: its address is not public, and no setting permits it; "+
			"an administrator can permit a private network with --private-networks", host)
	case errors.Is(err, ErrTooLarge):
		return resolvers.Failed(err, "cannot use the answer of host %s: it has more than %d bytes, the limit", host, limits.Bytes)
	case errors.Is(err, ErrBusy):
		return resolvers.Unavailable(err, "cannot read the answer of host %s now: other answers use the memory for it", host)
	case errors.Is(err, context.Canceled):
		return resolvers.Unavailable(err, "the request to host %s was canceled", host)
	default:
		return resolvers.Unavailable(err, "host %s cannot be reached, or did not answer in time", host)
	}
}

// CheckStatus returns nil for an answer with status 200, and otherwise the error for users.
func CheckStatus(answer *http.Response, host string) *resolvers.Error {
	cause := fmt.Errorf("status %d", answer.StatusCode)
	host = fmt.Sprintf("%q", truncate.Text(host, maxHost))
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound, status == http.StatusGone:
		return resolvers.Failed(cause, "host %s does not have it (status %d); correct the params", host, status)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return resolvers.Failed(cause, "host %s refuses access (status %d); check the credentials", host, status)
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return resolvers.Unavailable(cause, "host %s cannot answer now (status %d)", host, status)
	default:
		return resolvers.Failed(cause, "host %s answered with status %d, want 200", host, status)
	}
}

// ParseURL parses an address that a user gives. It must have the scheme https, or http, and a host.
func ParseURL(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, resolvers.Invalid("cannot use %s %q: want an address such as https://example.com/path", name, truncate.Text(text, maxHost))
	case u.Scheme != schemeTLS && u.Scheme != schemePlain:
		return nil, resolvers.Invalid("cannot use %s %q: its scheme is %q, want https", name, truncate.Text(u.Redacted(), maxHost), u.Scheme)
	case u.User != nil:
		return nil, resolvers.Invalid("cannot use %s of host %q: %s", name, truncate.Text(u.Host, maxHost), ruleUserInfo)
	}
	u.Fragment = ""
	return u, nil
}
