package admission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

const (
	// patience is the maximum time of a request, for any value in the request: timeoutSeconds of config/webhook.
	patience = 10 * time.Second
	// largestRequest is the maximum size of a request, in bytes: two objects of 3 MB, the limit of the API server.
	largestRequest = 7 << 20
	// grace and rate limit the time in which a client must send its request and read the response. The API server has the
	// request in memory and sends it immediately.
	grace = 2 * time.Second
	rate  = 1 << 20 // bytes in a second
)

// Errors of requests that are not handled.
var (
	errSlow  = errors.New("the request did not arrive in time")
	errCut   = errors.New("the webhook is busy, and this client has more bytes waiting than others")
	errLarge = fmt.Errorf("the request is larger than the limit of %d bytes", largestRequest)
	errLate  = errors.New("the webhook is busy, and the request has timed out")
)

// gated is a webhook behind a gate.
type gated struct {
	*admission.Webhook

	gate *gate
}

// gatedHandler is a webhook behind a gate that responds to another type of review.
type gatedHandler struct {
	http.Handler

	gate *gate
}

// ServeHTTP responds as a webhook of admission does.
func (g *gatedHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.gate.serve(w, r, g.Handler)
}

// ServeHTTP responds to a request at its turn.
func (g *gated) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.gate.serve(w, r, g.Webhook) }

// serve reads a request, waits for its turn, and responds. Work ends when the API server closes the connection, and after
// the timeout that the API server sends in the query. A client cannot block others, because only work takes a place in a lane.
// A client that sends its request or reads its response slowly is cut off.
func (g *gate) serve(w http.ResponseWriter, r *http.Request, webhook http.Handler) {
	v, whole := g.arrive(r.Context(), sourceOf(r))
	defer g.leave(v)
	ctx, cancel := context.WithTimeoutCause(whole, g.patienceOf(r), errLate)
	defer cancel()
	body, err := g.read(ctx, v, w, r)
	if err == nil {
		err = g.enter(ctx, v, namespaceOf(body), int64(len(body)))
	}
	if err != nil {
		http.Error(w, "cannot respond: "+err.Error(), codeOf(err))
		return
	}
	r = r.WithContext(ctx)
	if len(body) > 0 { // the webhook reports an empty body
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	answer := answer{header: w.Header()}
	webhook.ServeHTTP(&answer, r)
	g.finish(v)
	if err := g.write(whole, v, w, answer.text.Bytes()); err != nil {
		http.Error(w, "cannot respond: "+err.Error(), codeOf(err))
	}
}

// answer holds the response of a webhook. It is always a review, with the status code 200.
type answer struct {
	header http.Header
	text   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(int)             {}
func (a *answer) Write(p []byte) (int, error) { return a.text.Write(p) }

// patienceOf returns the maximum time of a request: the timeout of its client, at most the patience of the gate.
func (g *gate) patienceOf(r *http.Request) time.Duration {
	if said, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && said > 0 {
		return min(said, g.patience)
	}
	return g.patience
}

// sourceOf returns the address of a client, without its port.
func sourceOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func codeOf(err error) int {
	switch {
	case errors.Is(err, errLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errSlow):
		return http.StatusRequestTimeout
	default:
		return http.StatusServiceUnavailable
	}
}

// read reads the body of a request. It fails if the body does not arrive in time, and when the gate cuts the request off.
func (g *gate) read(ctx context.Context, v *visit, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > largestRequest {
		return nil, errLarge
	}
	size := r.ContentLength
	if size < 0 {
		size = largestRequest
	}
	var body []byte
	err := within(ctx, size, http.NewResponseController(w).SetReadDeadline, func() (err error) {
		body, err = g.fill(v, r.Body, size)
		return err
	})
	return body, err
}

// write writes the response to a request. If there is no room for it, it writes nothing.
func (g *gate) write(ctx context.Context, v *visit, w http.ResponseWriter, text []byte) error {
	if err := g.take(v, int64(len(text))); err != nil {
		return err
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	control := http.NewResponseController(w)
	_ = within(ctx, int64(len(text)), control.SetWriteDeadline, func() error {
		if _, err := w.Write(text); err != nil {
			return err
		}
		return control.Flush()
	}) // the connection is gone, so an error cannot be reported
	return nil
}

// within sends or receives size bytes with move, which must end at the deadline of the connection. The deadline is the time for
// that many bytes, or the end of the context.
func within(ctx context.Context, size int64, deadline func(time.Time) error, move func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, grace+time.Duration(size)*time.Second/rate, errSlow)
	defer cancel()
	broken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(broken)
		_ = deadline(time.Unix(1, 0)) // an error means that the connection is gone
	})
	err := move()
	if !stop() {
		<-broken // the connection must not be used after the request
		return context.Cause(ctx)
	}
	return err
}

// fill reads up to size bytes. It reserves room for the bytes that the client has sent, not for those that it announces.
func (g *gate) fill(v *visit, from io.Reader, size int64) ([]byte, error) {
	var body []byte
	for {
		if len(body) == cap(body) {
			if int64(len(body)) > size {
				return nil, errLarge
			}
			room := min(max(firstRoom, 2*int64(cap(body))), size+1) // one more, to see the end
			if err := g.take(v, room-int64(cap(body))); err != nil {
				return nil, err
			}
			body = append(make([]byte, 0, room), body...)
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, fmt.Errorf("cannot read the request body: %w", err)
		}
	}
}
