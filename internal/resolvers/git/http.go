package git

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

const (
	program        = "git-upload-pack"
	pathReferences = "/info/refs"
	mediaPrefix    = "application/x-" + program
	// overhead is the number of bytes of an answer beyond the pack and the references: the frame of its packets.
	overhead = 4 << 20
)

// overHTTP is a remote over HTTP.
type overHTTP struct {
	client *http.Client
	// base is the URL of the repository, after redirects.
	base string
	host string
	auth basic
}

// basic are the user and the password of HTTP; empty for anonymous access.
type basic struct{ user, password string }

// limitsHTTP returns the limits of the requests for one fetch.
func limitsHTTP() outbound.Limits {
	return outbound.Limits{Bytes: maxPack + maxReferences + overhead, Requests: 8, Counted: true}
}

func newHTTP(network *outbound.Network, a address, auth basic) (remote, error) {
	origin, err := url.Parse(a.String())
	if err != nil {
		return nil, fmt.Errorf("cannot parse the URL of the repository: %w", err)
	}
	return &overHTTP{client: network.Client(origin, limitsHTTP()), base: strings.TrimRight(a.String(), "/"), host: a.host, auth: auth}, nil
}

func (o *overHTTP) close() {}

func (o *overHTTP) references(ctx context.Context) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+pathReferences+"?service="+program, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := o.do(request, mediaPrefix+"-advertisement")
	if err != nil {
		return nil, err
	}
	if to := answer.Request.URL; strings.HasSuffix(to.Path, pathReferences) {
		moved := *to
		moved.Path, moved.RawPath, moved.RawQuery = strings.TrimSuffix(to.Path, pathReferences), "", ""
		o.base = moved.String()
	}
	return answer.Body, nil
}

func (o *overHTTP) pack(ctx context.Context, content []byte) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.base+"/"+program, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", mediaPrefix+"-request")
	answer, err := o.do(request, mediaPrefix+"-result")
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// do sends a request. Its answer has the media type that git servers use.
func (o *overHTTP) do(request *http.Request, mediaType string) (*http.Response, error) {
	request.Header.Set("Accept", mediaType)
	request.Header.Set("User-Agent", "git/sluice") // some servers answer to git only
	if o.auth != (basic{}) {
		request.SetBasicAuth(o.auth.user, o.auth.password)
	}
	answer, err := o.client.Do(request)
	if err != nil {
		return nil, outbound.Explain(err, o.host, limitsHTTP())
	}
	if err := o.check(answer, mediaType); err != nil {
		_ = answer.Body.Close()
		return nil, err
	}
	return answer, nil
}

func (o *overHTTP) check(answer *http.Response, mediaType string) error {
	cause := fmt.Errorf("status %d", answer.StatusCode)
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return o.denied(cause)
	default:
		if err := outbound.CheckStatus(answer, o.host); err != nil {
			return err
		}
	}
	if got, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";"); got != mediaType {
		return fmt.Errorf("%w: content type %q", errProtocol, got)
	}
	return nil
}

// denied returns the error for a repository that does not exist, or that the credentials do not open: servers do not
// distinguish the two.
func (o *overHTTP) denied(cause error) *resolvers.Error {
	if o.auth == (basic{}) {
		return resolvers.Failed(cause, "cannot fetch the repository: host %s has no such repository, or it is private; "+
			"for a private one, name a Secret with a token in param %q", shown(o.host), paramGitToken)
	}
	return resolvers.Failed(cause, "cannot fetch the repository: host %s has no such repository, or refuses the credentials of the "+
		"Secret in param %q",
		shown(o.host), paramGitToken)
}
