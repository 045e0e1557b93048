package admission

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// How many requests are worked on at once. The others wait, unread, so that their bodies stay with the API server. What is
// small does not wait for what is large: nobody can keep others from creating runs of a usual size by sending large objects.
const (
	// smallRequest is up to which size, in bytes, a request counts as small. Of it can become 10 MB in memory.
	smallRequest = 32 << 10
	// smallAtOnce and largeAtOnce bound the memory of all requests together to about 200 MB.
	smallAtOnce = 8
	largeAtOnce = 1
)

// gate lets a bounded number of requests in.
type gate struct {
	small, large chan struct{}
}

func newGate() *gate {
	return &gate{small: make(chan struct{}, smallAtOnce), large: make(chan struct{}, largeAtOnce)}
}

// enter waits until there is room for a request of a size, in bytes; −1 is one that is not known. The caller must leave.
func (g *gate) enter(ctx context.Context, size int64) (leave func(), err error) {
	lane := g.large
	if size >= 0 && size <= smallRequest {
		lane = g.small
	}
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("cannot answer: the webhook is busy: %w", context.Cause(ctx))
	}
}

// gated is a webhook behind a gate.
type gated struct {
	*admission.Webhook

	gate *gate
}

// ServeHTTP answers a request when there is room for it. Work ends when the API server hangs up, and after the time that it
// gives the webhook, which it says in the query.
func (g *gated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if patience, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	leave, err := g.gate.enter(ctx, r.ContentLength)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer leave()
	g.Webhook.ServeHTTP(w, r.WithContext(ctx))
}
