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
	// patience is how long a request may take, whatever its client says: timeoutSeconds of config/webhook.
	patience = 10 * time.Second
	// largestRequest is how large a request may be, in bytes: two objects of 3 MB, which is what the API server takes.
	largestRequest = 7 << 20
	// grace and rate bound the time in which a client must have sent its request, and read its answer. The API server has the
	// request in memory, and sends it at once.
	grace = 2 * time.Second
	rate  = 1 << 20 // bytes in a second
)

// Reasons for which a request gets no verdict.
var (
	errSlow  = errors.New("the request did not arrive in time")
	errCut   = errors.New("the webhook is busy, and other clients have fewer bytes waiting")
	errLarge = fmt.Errorf("the request is larger than %d bytes, which is the limit", largestRequest)
	errLate  = errors.New("the webhook is busy, and the time of the request is over")
)

// gated is a webhook behind a gate.
type gated struct {
	*admission.Webhook

	gate *gate
}

// ServeHTTP reads a request, waits for its turn, and answers it. Work ends when the API server hangs up, and after the time
// that it gives the webhook, which it says in the query. No client holds what another one needs: only work takes a place in
// a lane. A client that sends its request slowly, or reads its answer slowly, is cut off.
func (g *gated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, whole := g.gate.arrive(r.Context(), sourceOf(r))
	defer g.gate.leave(v)
	ctx, cancel := context.WithTimeoutCause(whole, g.gate.patienceOf(r), errLate)
	defer cancel()
	body, err := g.gate.read(ctx, v, w, r)
	if err == nil {
		err = g.gate.enter(ctx, v, namespaceOf(body), int64(len(body)))
	}
	if err != nil {
		http.Error(w, "cannot answer: "+err.Error(), codeOf(err))
		return
	}
	r = r.WithContext(ctx)
	if len(body) > 0 { // for none, the webhook says so
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	answer := answer{header: w.Header()}
	g.Webhook.ServeHTTP(&answer, r)
	g.gate.finish(v)
	if err := g.gate.write(whole, v, w, answer.text.Bytes()); err != nil {
		http.Error(w, "cannot answer: "+err.Error(), codeOf(err))
	}
}

// answer keeps what a webhook answers. It always answers with an AdmissionReview, and so with the code 200.
type answer struct {
	header http.Header
	text   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(int)             {}
func (a *answer) Write(p []byte) (int, error) { return a.text.Write(p) }

// patienceOf returns the time that a request may take: what its client says, up to the patience of the gate.
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

// read reads the body of a request. It ends when the body does not arrive in time, and when the gate cuts the request off.
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

// write writes the answer to a request. Where there is no room for it, it does not begin.
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
	}) // there is no one left to say it to
	return nil
}

// within sends or receives a number of bytes, with a function that ends when the deadline of the connection is over. That
// comes when the time for so many bytes is over, or when the context ends.
func within(ctx context.Context, size int64, deadline func(time.Time) error, move func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, grace+time.Duration(size)*time.Second/rate, errSlow)
	defer cancel()
	broken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(broken)
		_ = deadline(time.Unix(1, 0)) // an error says that the connection is gone
	})
	err := move()
	if !stop() {
		<-broken // the connection must not be used after the request
		return context.Cause(ctx)
	}
	return err
}

// fill reads up to size bytes. A client gets room for what it has sent, and not for what it says that it will send.
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
