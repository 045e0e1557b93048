package image

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// maxAnswer is how many bytes an answer of a registry may have: the distribution specification asks registries to take
	// manifests of 4 MiB, and nobody has to take larger ones. Configurations are smaller still.
	maxAnswer = 4 << 20
	// connecting is what a registry may take to be connected to.
	connecting = 5 * time.Second
)

// errTooLarge says that an answer has more bytes than maxAnswer.
var errTooLarge = errors.New("the answer has more than 4 MiB")

// newTransport returns one that gives up soon.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: connecting}).DialContext,
		TLSHandshakeTimeout: connecting,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        32,
		IdleConnTimeout:     time.Minute,
	}
}

// bounded cuts answers off that are too large: an image's owner must not fill the controller's memory.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	answer.Body = &boundedBody{ReadCloser: answer.Body, left: maxAnswer}
	return answer, nil
}

type boundedBody struct {
	io.ReadCloser

	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	// One byte more than allowed tells an answer that is too large from one that just fits.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
