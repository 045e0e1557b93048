package webhookcert

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// ErrNotReady is what Served's Check returns before the webhooks are served.
var ErrNotReady = errors.New("the webhooks are not served yet: their certificate is being made")

// Served is a webhook server that starts when there is a certificate. Every replica serves, whoever leads.
type Served struct {
	// Server that is started.
	Server webhook.Server
	// Certificate that it serves with.
	Certificate Kept
	// Linger is how long it serves on when it is told to stop: that long the API server may still be sent here, and what it
	// does not get an answer to is refused.
	Linger time.Duration
}

// NeedLeaderElection reports that standing by does not keep a replica from serving.
func (*Served) NeedLeaderElection() bool { return false }

// Start waits for the certificate and then serves until ctx has ended, and Linger has passed.
func (s *Served) Start(ctx context.Context) error {
	select {
	case <-s.Certificate.Written:
		lingering, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(s.Linger, stop) })()
		return s.Server.Start(lingering)
	case <-ctx.Done():
		return nil
	}
}

// Check returns nil once the webhooks are served and the API server trusts them, for a readiness probe: who waits for the
// controller to be ready can create runs then.
func (s *Served) Check(request *http.Request) error {
	select {
	case <-s.Certificate.Trusted:
		return s.Server.StartedChecker()(request)
	default:
		return ErrNotReady
	}
}
