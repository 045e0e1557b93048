package spiffe

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// Trust follows the trust domain of the controller and its authorities in the Workload API.
type Trust struct {
	socket string
	log    logr.Logger

	mu     sync.Mutex
	source *workloadapi.X509Source
}

// NewTrust returns a Trust for the Workload API at an address such as unix:///run/spiffe/agent.sock. It connects in Start.
func NewTrust(socket string, log logr.Logger) *Trust { return &Trust{socket: socket, log: log} }

// Start keeps the authorities up to date until ctx ends. It retries while the Workload API does not respond or has no identity
// for the controller. Runs that need the authorities wait meanwhile and report that.
func (t *Trust) Start(ctx context.Context) error {
	t.log.Info("waiting for the trust bundle of the Workload API", "socket", t.socket)
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(t.socket)))
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("cannot use Workload API %q: %w", t.socket, err)
	}
	defer source.Close() //nolint:errcheck // nothing is written through it
	t.mu.Lock()
	t.source = source
	t.mu.Unlock()
	t.log.Info("received the trust bundle", "socket", t.socket)
	<-ctx.Done()
	return nil
}

// NeedLeaderElection returns false, so that a standby replica has the authorities when it becomes the leader.
func (*Trust) NeedLeaderElection() bool { return false }

// Authorities returns the trust domain of the controller and its authorities. The error says why they are unavailable.
func (t *Trust) Authorities() (spiffeid.TrustDomain, *x509bundle.Bundle, error) {
	t.mu.Lock()
	source := t.source
	t.mu.Unlock()
	if source == nil {
		return spiffeid.TrustDomain{}, nil,
			fmt.Errorf("the Workload API at %q has not provided an identity and a trust bundle for the controller yet", t.socket)
	}
	own, err := source.GetX509SVID()
	if err != nil {
		return spiffeid.TrustDomain{}, nil, fmt.Errorf("cannot read the identity of the controller: %w", err)
	}
	domain := own.ID.TrustDomain()
	bundle, err := source.GetX509BundleForTrustDomain(domain)
	if err != nil {
		return spiffeid.TrustDomain{}, nil, fmt.Errorf("cannot read the trust bundle of %q: %w", domain, err)
	}
	return domain, bundle, nil
}
