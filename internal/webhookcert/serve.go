package webhookcert

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// ErrNotReady is the error of Server.Check before the webhooks are served.
var ErrNotReady = errors.New("the webhooks are not served yet: their certificate is being created")

// Server is a webhook server that starts when the certificate exists. Every replica serves, not only the leader.
type Server struct {
	// Server to start.
	Server webhook.Server
	// Certificate of the server.
	Certificate Certificate
	// Linger is how long the server continues after shutdown begins. Requests may still be routed to it for that long, and the
	// API server rejects an object if its request gets no response.
	Linger time.Duration
}

// NeedLeaderElection returns false, so that standby replicas serve, too.
func (*Server) NeedLeaderElection() bool { return false }

// Start waits for the certificate and then serves until Linger has passed after the end of ctx.
func (s *Server) Start(ctx context.Context) error {
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

// Check is a readiness probe. It returns nil once the webhooks are served and the API server trusts them, so that users can
// create runs when the controller is ready.
func (s *Server) Check(request *http.Request) error {
	for _, done := range []<-chan struct{}{s.Certificate.Trusted, s.Certificate.Converting} {
		if done == nil {
			continue
		}
		select {
		case <-done:
		default:
			return ErrNotReady
		}
	}
	return s.Server.StartedChecker()(request)
}
