package certificates

import (
	"context"
	"errors"
	"net/http"

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
}

// NeedLeaderElection reports that standing by does not keep a replica from serving.
func (*Served) NeedLeaderElection() bool { return false }

// Start waits for the certificate and then serves until ctx ends.
func (s *Served) Start(ctx context.Context) error {
	select {
	case <-s.Certificate.Written:
		return s.Server.Start(ctx)
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
